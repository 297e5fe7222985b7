"""Clients of servers on this machine, which ignore the proxy settings of the environment.

``http_proxy``, ``HTTPS_PROXY`` and ``ALL_PROXY`` are meant for other machines; a proxy's 127.0.0.1 is its own.
Every HTTP client and every gRPC channel of a command is made here, and a rule over the sources holds that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from servekit.http_ask import ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

__all__ = ["DIRECT", "client", "direct"]

DIRECT: Final = (("grpc.enable_http_proxy", 0),)
"""Options of a gRPC channel that goes to its server itself."""

_ASKS_OWN: Final = {"connection", "content-length", "transfer-encoding"}
_NEARBY: Final = ("127.0.0.1", "localhost", "::1")


def client(*, timeout: float = 5.0, **settings: Any) -> httpx.Client:
    """An HTTP client that uses no proxy.

    Args:
        timeout: seconds for each request, from connecting to the answer's last byte. httpx's own is that of each read,
            and of ``https://`` it still is.
        settings: those of `httpx.Client`.
    """
    import httpx  # noqa: PLC0415 - servers import this module too, and need no HTTP client

    class Whole(httpx.BaseTransport):
        """The transport that makes httpx use `ask`."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            headers = [(name, value) for name, value in request.headers.multi_items() if name not in _ASKS_OWN]
            try:
                reply = ask(str(request.url), timeout, method=request.method, body=request.read(), headers=headers)
            except TimeoutError as error:
                raise httpx.ReadTimeout(str(error), request=request) from None
            except OSError as error:
                raise httpx.ConnectError(str(error), request=request) from None
            return httpx.Response(reply.status, headers=reply.headers, content=reply.body)

    return httpx.Client(trust_env=False, timeout=timeout, mounts={"http://": Whole()}, **settings)


def direct(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with ``no_proxy`` for this machine, for libraries, child processes and curl."""
    named = [name.strip() for name in (environment.get("no_proxy") or environment.get("NO_PROXY") or "").split(",")]
    nearby = ",".join(dict.fromkeys([*filter(None, named), *_NEARBY]))
    return {**environment, "no_proxy": nearby, "NO_PROXY": nearby}
