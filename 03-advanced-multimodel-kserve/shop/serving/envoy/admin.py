"""Envoy's admin interface: on a Unix socket of its owner alone, with a listener before it that knows five paths.

The interface itself takes any request that reaches it, a web page's too: weights, log levels, even the process's end.
So what needs a port, Prometheus and the canary's commands, goes through the listener, which refuses a request with an
Origin (a page's) or with another Host than this machine (a page whose name was pointed here).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shop.addresses import Addresses

__all__ = ["admin", "admin_cluster", "admin_listener"]

_NAME = "admin"
_PATHS = {
    "/stats/prometheus": "GET",
    "/config_dump": "GET",
    "/clusters": "GET",
    "/runtime": "GET",
    "/runtime_modify": "POST",
}
_MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_OWNER_ALONE = 0o600
# A socket's path fits in 108 bytes on Linux, 104 on macOS.
_SOCKET_BYTES = 100


def admin(addresses: Addresses) -> dict[str, Any]:
    """The admin section of the bootstrap: the interface on its Unix socket."""
    return {"address": {"pipe": {"path": _socket(addresses), "mode": _OWNER_ALONE}}}


def admin_cluster(addresses: Addresses) -> dict[str, Any]:
    """The cluster under which the listener's routes name the interface."""
    endpoint = {"endpoint": {"address": {"pipe": {"path": _socket(addresses)}}}}
    assignment = {"cluster_name": _NAME, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": _NAME, "type": "STATIC", "connect_timeout": "1s", "load_assignment": assignment}


def admin_listener(addresses: Addresses) -> dict[str, Any]:
    """The listener on the admin port of 127.0.0.1, which passes on five paths."""
    port = addresses.envoy_admin_port
    hosts = [f"{host}:{port}" for host in ("127.0.0.1", "localhost")]
    routes = [_route(path, method) for path, method in _PATHS.items()]
    manager = {
        "@type": _MANAGER,
        "stat_prefix": _NAME,
        "route_config": {"virtual_hosts": [{"name": _NAME, "domains": hosts, "routes": routes}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
    }
    return {
        "name": _NAME,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "ignore_global_conn_limit": True,  # clients that fill the edge must not hide it from who looks after it
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _route(path: str, method: str) -> dict[str, Any]:
    headers = [
        {"name": ":method", "string_match": {"exact": method}},
        {"name": "origin", "present_match": False},
    ]
    return {"match": {"path": path, "headers": headers}, "route": {"cluster": _NAME, "timeout": "10s"}}


def _socket(addresses: Addresses) -> str:
    """In the run folder, written from here; where even that is too long for a socket, in a folder of this user's."""
    path = addresses.run_dir.resolve() / "envoy" / "admin.sock"
    short = min(str(path), os.path.relpath(path), key=len)
    if len(os.fsencode(short)) <= _SOCKET_BYTES:
        return short
    folder = Path(tempfile.gettempdir()) / f"shop-envoy-{os.getuid()}-{addresses.envoy_admin_port}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise ValueError(f"folder {folder}: expected a folder of this user alone: set TMPDIR to another")
    return str(folder / "admin.sock")
