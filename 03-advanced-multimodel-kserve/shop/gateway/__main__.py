"""``python -m shop.gateway``: serve until told to stop."""

from __future__ import annotations

import logging
import sys
from contextlib import closing

from pydantic import ValidationError

from servekit.audit import AuditError, AuditLossError, AuditSettings
from servekit.http_server import DrainingServer
from servekit.startup import StartupError, bound_socket, setting_problems
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
        listener = bound_socket(settings.host, settings.gateway_port, ("SHOP_HOST", "SHOP_GATEWAY_PORT"))
    except (KeysError, AuditError, StartupError, OSError) as error:
        print(f"gateway cannot start: {error}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 1
    except ValidationError as error:
        for problem in setting_problems(error, GatewaySettings, TelemetrySettings, AuditSettings):
            print(f"gateway cannot start: {problem}", file=sys.stderr)  # noqa: T201 - for whoever started it
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


if __name__ == "__main__":
    sys.exit(main())
