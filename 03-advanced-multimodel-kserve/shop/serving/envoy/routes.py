"""The edge's routes: which version of its model a request is for, decided here and once.

They lie in a file of their own that Envoy watches: `write_routes` changes the versions of a running edge. Weights
change through its runtime (``POST :8301/runtime_modify?canary.ranking=25``); those in the file are where it starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servekit.json_file import write_json
from shop.endpoints import CHAT, ENDPOINTS, MODELS, PAYMENTS
from shop.serving.envoy import assistant
from shop.serving.envoy.splits import Split, read_splits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shop.addresses import Addresses
    from shop.serving.envoy.settings import EdgeSettings

__all__ = ["CLUSTER", "NAME", "VERSION_HEADER", "route_configuration", "routes_file", "write_routes"]

NAME, CLUSTER = "edge", "gateways"
VERSION_HEADER = "x-model-version"

_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_FILTER_OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
_BUFFER = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute"
_OTHER_HOST = {
    "name": "previous_hosts",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    },
}

Route = dict[str, Any]


def route_configuration(
    splits: Mapping[str, Split], settings: EdgeSettings, addresses: Addresses | None = None
) -> dict[str, Any]:
    """Envoy's RouteConfiguration for these versions and weights; by the addresses it knows what runs besides."""
    v1 = [route for each in ENDPOINTS for route in _of_model(each.model, {"path": each.path}, splits[each.model])]
    v2 = [route for model in MODELS for route in _of_model(model, {"path": f"/v2/models/{model}/infer"}, splits[model])]
    chat = _of_model(CHAT.model, {"path": CHAT.path}, splits.get(CHAT.model, Split()))
    routes = [
        *(_forward(route, settings.timeout_s, settings) for route in v1),
        *(_forward(route, settings.tensor_timeout_s, settings) for route in v2),
        *(assistant.routes(addresses, chat) if addresses is not None else []),
        _forward({"match": {"prefix": "/v1/"}}, settings.timeout_s, settings),
        *(_forward({"match": match}, settings.tensor_timeout_s, settings) for match in _V2),
        *(_health(path, settings) for path in ("/healthz", "/readyz")),
        {"match": {"prefix": "/"}, "direct_response": {"status": 404}},
    ]
    host = {"name": NAME, "domains": ["*"], "routes": routes, "request_headers_to_remove": []}
    return {"@type": _TYPE, "name": NAME, "virtual_hosts": [host]}


_V2 = ({"path": "/v2"}, {"prefix": "/v2/"})


def routes_file(addresses: Addresses) -> Path:
    """The file with the routes of this run folder's edge."""
    return addresses.run_dir.resolve() / "envoy" / "routes.json"


def write_routes(addresses: Addresses, settings: EdgeSettings) -> Path:
    """Writes the routes for the canary's state as it is on disk; a running edge takes them within milliseconds.

    Raises:
        ValueError: the canary's state is not what it should be.
    """
    path = routes_file(addresses)
    resources = [route_configuration(read_splits(addresses.canary_state), settings, addresses)]
    write_json(path, {"version_info": "0", "resources": resources})
    return path


def _of_model(model: str, match: dict[str, Any], split: Split) -> list[Route]:
    """The candidate's route, taken by as many per cent as the runtime says, before the stable version's."""
    share = {"numerator": split.weight, "denominator": "HUNDRED"}
    sometimes = {"runtime_fraction": {"default_value": share, "runtime_key": f"canary.{model}"}}
    return [
        {"match": {**match, **sometimes}, **_overwrite(split.candidate)},
        {"match": match, **_overwrite(split.stable)},
    ]


def _overwrite(version: str) -> dict[str, Any]:
    header = {"header": {"key": VERSION_HEADER, "value": version}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {"request_headers_to_add": [header]}


def _forward(route: Route, timeout_s: float, settings: EdgeSettings) -> Route:
    path = route["match"].get("path", route["match"].get("prefix", ""))
    forwarded = {
        **route,
        "route": {"cluster": CLUSTER, "timeout": f"{timeout_s}s", "retry_policy": _retry(path)},
        "typed_per_filter_config": {},
    }
    if "request_headers_to_add" not in route:
        forwarded["request_headers_to_remove"] = [VERSION_HEADER]  # a client does not choose its version
    if path.startswith("/v2"):
        forwarded["typed_per_filter_config"] = {
            "buffer": {"@type": _BUFFER, "buffer": {"max_request_bytes": settings.max_tensor_bytes}}
        }
    return forwarded


def _health(path: str, settings: EdgeSettings) -> Route:
    """A probe's route, exempt from the concurrency limit."""
    route = _forward({"match": {"path": path}}, settings.timeout_s, settings)
    return {**route, "typed_per_filter_config": {"adaptive_concurrency": _FILTER_OFF}}


def _retry(path: str) -> dict[str, Any]:
    """The retry policy: one more try, on the other gateway.

    It holds whenever no gateway has begun to work on the request. Searches, recommendations and inference change
    nothing, so they are also sent again when a gateway dies over them; a payment is not, lest it be recorded twice.
    """
    unbegun = ["connect-failure", "refused-stream", "reset-before-request"]
    harmless = [] if path.startswith(PAYMENTS.path) or path == "/v1/" else ["reset"]
    return {
        "retry_on": ",".join([*unbegun, *harmless]),
        "num_retries": 1,
        "retry_host_predicate": [_OTHER_HOST],
        # the dead one, being idle, is drawn three times in four until it is known as dead: draw until it is the other
        "host_selection_retry_max_attempts": 30,
        "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.005s"},
    }
