"""The filters that a request passes at the edge, in this order, and the errors for those that do not get through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shop.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from shop.serving.envoy.settings import EdgeSettings

__all__ = ["http_filters", "local_replies"]

_HTTP = "type.googleapis.com/envoy.extensions.filters.http"


def http_filters(settings: EdgeSettings) -> list[dict[str, Any]]:
    """Envoy's HTTP filters: the rate limit where one is set, the limits of body and concurrency, the router.

    The gateways check API keys: see `shop.gateway.domain.api_keys`.
    """
    return [
        *(
            [_filter("local_ratelimit", "local_ratelimit.v3.LocalRateLimit", _rate(settings.rate))]
            if settings.rate
            else []
        ),
        # a body is read to its end before it takes one of the places that the next filter gives out
        _filter("buffer", "buffer.v3.Buffer", {"max_request_bytes": settings.max_body_bytes}),
        _filter("adaptive_concurrency", "adaptive_concurrency.v3.AdaptiveConcurrency", _concurrency(settings)),
        _filter("router", "router.v3.Router", {"suppress_envoy_headers": True}),
    ]


def local_replies(settings: EdgeSettings) -> dict[str, Any]:
    """The errors that the edge itself answers with, in the service's form: ``{"error": …}``."""
    wait = [{"header": {"key": "retry-after", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
    overflow = {"response_flag_filter": {"flags": ["UO"]}}
    replies = [
        # a circuit breaker is open: too much at once, as above, which Envoy calls 503
        _reply(overflow, "requests: too many at once: retry after 1 s", status_code=429, headers_to_add=wait),
        _reply(_status(429), "requests: too many at once: retry after 1 s", headers_to_add=wait),
        _reply(_status(404), f"path: expected one of {', '.join(each.path for each in ENDPOINTS)}, /v2"),
        _reply(
            _status(413),
            f"body: too large, expected at most {settings.max_body_bytes} bytes, {settings.max_tensor_bytes} for /v2",
        ),
        _reply(_status(408), "request: not received in time"),
        _reply(_status(431), "headers: too many or too large, expected at most 100 of 60 KiB in all"),
        _reply(_status(502), "gateway: its answer is not HTTP"),
        _reply(_status(503), "gateway: no healthy instance: retry after 1 s", headers_to_add=wait),
        _reply(_status(504), "gateway: no answer in time"),
    ]
    # Envoy has a text for only some refusals, but a code with the reason for every one
    rest = {"error": "request: refused by the edge: %RESPONSE_CODE_DETAILS%"}
    return {"mappers": replies, "body_format": {"json_format": rest}}


def _reply(match: dict[str, Any], error: str, **rest: Any) -> dict[str, Any]:
    return {"filter": match, "body_format_override": {"json_format": {"error": error}}, **rest}


def _status(code: int) -> dict[str, Any]:
    value = {"default_value": code, "runtime_key": f"edge.reply_{code}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _filter(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"{_HTTP}.{kind}", **config}}


def _rate(rate: int) -> dict[str, Any]:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "stat_prefix": "edge_rate",
        "token_bucket": {"max_tokens": rate, "tokens_per_fill": max(1, rate // 20), "fill_interval": "0.05s"},
        "filter_enabled": {**always, "runtime_key": "edge.rate_enabled"},
        "filter_enforced": {**always, "runtime_key": "edge.rate_enforced"},
    }


def _concurrency(settings: EdgeSettings) -> dict[str, Any]:
    """The filter that lets in as many requests at once as are answered quickly.

    The round trip that counts as quick is given. Envoy would rather measure it, and to that end let hardly any request
    in for a while, once a minute.
    """
    return {
        "gradient_controller_config": {
            "sample_aggregate_percentile": {"value": 50},
            "concurrency_limit_params": {
                "max_concurrency_limit": settings.concurrency,
                "concurrency_update_interval": "0.1s",
            },
            "min_rtt_calc_params": {
                "fixed_value": f"{settings.slow_ms / 1000:.6f}s",
                "min_concurrency": settings.concurrency_min,
                "buffer": {"value": 10},
            },
        },
        "enabled": {"default_value": True, "runtime_key": "edge.adaptive_concurrency"},
        "concurrency_limit_exceeded_status": {"code": "TooManyRequests"},
    }
