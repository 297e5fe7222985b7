"""The edge's whole configuration, as Envoy reads it at its start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shop.serving.envoy import assistant
from shop.serving.envoy.admin import admin, admin_cluster, admin_listener
from shop.serving.envoy.filters import http_filters, local_replies
from shop.serving.envoy.routes import CLUSTER, NAME, routes_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.addresses import Addresses
    from shop.serving.envoy.settings import EdgeSettings
    from shop.serving.envoy.splits import Split

__all__ = ["bootstrap"]

_MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_UPSTREAM_HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_LOG = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
_CONNECTION_LIMIT = (
    "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
)

_BUFFER_BYTES = 64 * 1024
_SERVER_ERROR = 500
# uvicorn closes a connection that was idle for 5 s; Envoy must be the first, or a request may meet the closing
_UPSTREAM_IDLE = "3s"

# Each counter that is kept costs every request a little: these are what somebody looks at.
_STATISTICS = (
    "cluster.gateways.upstream_rq_",
    "cluster.gateways.membership_",
    "cluster.gateways.outlier_detection.",
    "cluster.gateways.upstream_cx_active",
    "cluster.gateways.upstream_cx_connect_fail",
    "http.edge.downstream_rq_",
    "http.edge.downstream_cx_active",
    "http.edge.adaptive_concurrency.",
    "http.edge.rds.",
    "http.edge.no_route",
    "edge_rate.",
    "runtime.",
    "server.live",
    "server.uptime",
)


def bootstrap(addresses: Addresses, settings: EdgeSettings, splits: Mapping[str, Split]) -> dict[str, Any]:
    """Envoy's Bootstrap: listeners, the gateways, and the canary's weights as they were last."""
    weights = {model: split.weight for model, split in splits.items()}
    return {
        "node": {"id": NAME, "cluster": "shop"},
        "admin": admin(addresses),
        "static_resources": {
            "listeners": [_listener(addresses, settings), admin_listener(addresses)],
            "clusters": [_gateways(addresses, settings), *assistant.clusters(addresses), admin_cluster(addresses)],
        },
        "layered_runtime": {
            "layers": [
                {"name": "state", "static_layer": {"canary": weights}},
                {"name": "admin", "admin_layer": {}},  # last, so that what is set live wins
            ]
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": _CONNECTION_LIMIT,
                        "max_active_downstream_connections": settings.connections,
                    },
                }
            ]
        },
        "stats_config": {
            "stats_matcher": {
                "inclusion_list": {
                    "patterns": [{"prefix": prefix} for prefix in (*_STATISTICS, *assistant.statistics(addresses))]
                }
            }
        },
        "stats_flush_on_admin": True,
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _listener(addresses: Addresses, settings: EdgeSettings) -> dict[str, Any]:
    manager = {"name": "http", "typed_config": {"@type": _MANAGER, **_manager(addresses, settings)}}
    return {
        "name": NAME,
        "address": _address(settings.host, addresses.port),
        "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
        "filter_chains": [{"filters": [manager]}],
    }


def _manager(addresses: Addresses, settings: EdgeSettings) -> dict[str, Any]:
    """The HTTP connection manager, set up for clients who are not trusted."""
    source = {"path": str(routes_file(addresses)), "watched_directory": {"path": str(routes_file(addresses).parent)}}
    return {
        "stat_prefix": NAME,
        "rds": {
            "route_config_name": NAME,
            "config_source": {"resource_api_version": "V3", "path_config_source": source},
        },
        "http_filters": http_filters(settings),
        "local_reply_config": local_replies(settings),
        "use_remote_address": True,  # what a client says in x-forwarded-for and x-envoy-… is its word alone
        "server_header_transformation": "PASS_THROUGH",
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {"idle_timeout": "60s", "headers_with_underscores_action": "REJECT_REQUEST"},
        # load balancers' default probes speak HTTP/1.0, without a Host
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": NAME},
        "http2_protocol_options": {"max_concurrent_streams": 100},
        "request_headers_timeout": "5s",
        "request_timeout": f"{settings.tensor_timeout_s}s",
        "stream_idle_timeout": f"{settings.tensor_timeout_s + 5}s",
        "access_log": [_access_log(settings)],
    }


def _gateways(addresses: Addresses, settings: EdgeSettings) -> dict[str, Any]:
    ports = range(addresses.gateway_port, addresses.gateway_port + addresses.gateways)
    endpoints = [{"endpoint": {"address": _address("127.0.0.1", port)}} for port in ports]
    http = {
        "@type": _UPSTREAM_HTTP,
        "common_http_protocol_options": {"idle_timeout": _UPSTREAM_IDLE},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    limits = {
        "max_connections": settings.concurrency * 2,
        "max_pending_requests": settings.concurrency,
        "max_requests": settings.concurrency * 2,
        # a dead gateway must not make the other one answer everything twice
        "retry_budget": {"budget_percent": {"value": 25}, "min_retry_concurrency": 8},
    }
    return {
        "name": CLUSTER,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": CLUSTER, "endpoints": [{"lb_endpoints": endpoints}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http},
        "circuit_breakers": {"thresholds": [limits]},
        **_WHO_IS_WELL,
    }


# A gateway that says it is not ready gets nothing more (it drains, or starts); one that cannot be reached neither, at
# once. Answers of 5xx do not count: a gateway without models still gives degraded answers, and so would the other one.
_WHO_IS_WELL: dict[str, Any] = {
    "health_checks": [
        {
            "timeout": "0.5s",
            "interval": "0.25s",
            "no_traffic_interval": "0.25s",
            "unhealthy_threshold": 2,
            "healthy_threshold": 1,
            "http_health_check": {"path": "/readyz"},
        }
    ],
    "outlier_detection": {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 2,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_success_rate": 0,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "interval": "0.5s",
        "base_ejection_time": "1s",
        "max_ejection_time": "5s",
        "max_ejection_percent": 50,
    },
}


def _access_log(settings: EdgeSettings) -> dict[str, Any]:
    """Server errors, and a sample of the rest; the sample's size is also the runtime's ``edge.log_share``."""
    failed = {"default_value": _SERVER_ERROR, "runtime_key": "edge.log_from"}
    share = {"numerator": round(settings.log_share * 10_000), "denominator": "MILLION"}
    sampled = {"runtime_key": "edge.log_share", "percent_sampled": share, "use_independent_randomness": True}
    return {
        "name": "stdout",
        "filter": {
            "or_filter": {
                "filters": [
                    {"status_code_filter": {"comparison": {"op": "GE", "value": failed}}},
                    {"runtime_filter": sampled},
                ]
            }
        },
        "typed_config": {"@type": _LOG, "log_format": {"json_format": _LOG_FIELDS}},
    }


_LOG_FIELDS = {
    "@timestamp": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3f+00:00)%",
    "log.level": "info",
    "message": "%REQ(:METHOD)% %PATH(NQ:PATH)% %RESPONSE_CODE%",
    "ecs.version": "8.11.0",
    "service.name": "envoy",
    "event.dataset": "serving.edge",
    "http.request.method": "%REQ(:METHOD)%",
    "http.request.id": "%REQ(X-REQUEST-ID)%",
    "http.response.status_code": "%RESPONSE_CODE%",
    "event.duration": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:ns)%",
    "labels.version": "%REQ(X-MODEL-VERSION)%",
    "labels.flags": "%RESPONSE_FLAGS%",
    "labels.upstream": "%UPSTREAM_HOST%",
    "trace.parent": "%REQ(TRACEPARENT)%",
}
