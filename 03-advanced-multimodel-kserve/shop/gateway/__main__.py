"""``python -m shop.gateway``: serve until told to stop."""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import closing

from pydantic import ValidationError

from servekit.audit import AuditError, AuditLossError
from servekit.http_server import DrainingServer
from servekit.telemetry import TelemetrySettings, configure_logging
from shop.gateway.bootstrap import build
from shop.gateway.domain.api_keys import KeysError
from shop.gateway.settings import GatewaySettings

_log = logging.getLogger("shop.gateway")


def main() -> int:
    """Serves until told to stop: 0 after a clean stop, 1 with a one-line reason.

    It is 1 when the process cannot start, and when the audit log's last lines could not be written.
    """
    try:
        settings = GatewaySettings(_cli_parse_args=True, _cli_prog_name="python -m shop.gateway", _cli_kebab_case=True)
        observed = TelemetrySettings()
        gateway = build(settings, observed)
        listener = _listen(settings)
    except (KeysError, AuditError, OSError) as error:
        print(f"gateway cannot start: {error}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 1
    except ValidationError as error:
        for problem in error.errors():
            name = f"SHOP_{problem['loc'][0]}".upper()
            print(f"gateway cannot start: {name} {problem['input']}: {problem['msg']}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 1
    configure_logging("shop-gateway", observed.log_level)
    server = DrainingServer(
        gateway.app,
        gateway.ready,
        drain_s=settings.drain_s,
        drain_timeout_s=settings.drain_timeout_s,
        receive_timeout_s=settings.receive_timeout_s,
    )
    _log.info("serving on http://%s:%d", *listener.getsockname())
    try:
        with closing(gateway.monitor), listener:
            server.serve_on(listener)
    except AuditLossError as error:
        print(f"gateway: {error}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 1
    return 0


def _listen(settings: GatewaySettings) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.gateway_port))
    except OSError as error:
        listener.close()
        address = f"{settings.host}:{settings.gateway_port}"
        raise OSError(f"{address}: {error.strerror}: free it, or set SHOP_GATEWAY_PORT") from None
    return listener


if __name__ == "__main__":
    sys.exit(main())
