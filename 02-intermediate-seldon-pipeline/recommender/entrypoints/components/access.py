"""Access to a step: from its own address alone, and not from a page in a browser.

Seldon's wrapper listens on every address of the machine and allows pages of any origin to read its answers. No setting
changes either, so both are replaced here, before its servers are made.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from flask import Response, json, request
from seldon_core import gunicorn_utils, microservice, wrapper

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["restrict_access"]


def restrict_access(host: str) -> None:
    """Makes every server of this process listen on ``host`` alone and refuse requests of a page in a browser.

    Args:
        host: an IP address. On a loopback address, a request's Host must be that address or localhost: a page whose
            own name was pointed at 127.0.0.1 sends no Origin that gives it away.
    """
    load_config, serve_grpc = gunicorn_utils.StandaloneApplication.load_config, microservice._run_grpc_server  # noqa: SLF001

    def listen_http(application: Any) -> None:
        port = application.options["bind"].rpartition(":")[2]
        application.options["bind"] = f"{host}:{port}"
        load_config(application)

    def listen_grpc(*arguments: Any) -> None:
        *others, address = arguments
        serve_grpc(*others, f"{host}:{address.rpartition(':')[2]}")

    gunicorn_utils.StandaloneApplication.load_config = listen_http
    microservice._run_grpc_server = listen_grpc  # noqa: SLF001
    names = {host, "localhost"} if ipaddress.ip_address(host).is_loopback else set()
    wrapper.CORS = lambda app: _refuse_pages(app, names)


def _refuse_pages(app: Flask, names: set[str]) -> None:
    """Replaces the wrapper's CORS for all origins; ``names`` are the hosts allowed in Host, or empty for any."""

    def refused() -> Response | None:
        if "Origin" in request.headers:
            return _refusal("Origin", request.headers["Origin"], "no page of a browser may ask a step")
        if names and request.host.partition(":")[0] not in names:
            return _refusal("Host", request.host, f"expected {' or '.join(sorted(names))}")
        return None

    app.before_request(refused)


def _refusal(header: str, value: str, expected: str) -> Response:
    info = f"{header} {value}: {expected}"
    status = {"status": "FAILURE", "code": 403, "info": info, "reason": "ForbiddenError"}
    return Response(json.dumps({"status": status}), 403, mimetype="application/json")
