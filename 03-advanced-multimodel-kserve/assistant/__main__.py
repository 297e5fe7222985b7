"""``python -m assistant``: serve until told to stop."""

from __future__ import annotations

import logging
import sys

from pydantic import ValidationError

from assistant.bootstrap import build_assistant
from assistant.settings import AssistantSettings
from servekit.http_server import DrainingServer
from servekit.startup import StartupError, bound_socket, setting_problems
from servekit.telemetry import TelemetrySettings, configure_logging
from shop.addresses import Addresses
from shop.gateway.domain.api_keys import KeysError

_log = logging.getLogger("assistant")


def main() -> int:
    """Serves until told to stop: 0 after a clean stop, 1 with a one-line reason."""
    try:
        settings = AssistantSettings(_cli_parse_args=True, _cli_prog_name="python -m assistant", _cli_kebab_case=True)
        addresses, observed = Addresses(), TelemetrySettings()
        assistant = build_assistant(settings, addresses, observed)
        names = ("ASSISTANT_HOST", "SHOP_ASSISTANT_PORT")
        listener = bound_socket(settings.host, addresses.assistant_port, names)
    except (KeysError, StartupError, OSError) as error:
        sys.stderr.write(f"assistant cannot start: {error}\n")
        return 1
    except ValidationError as error:
        for problem in setting_problems(error, AssistantSettings, Addresses, TelemetrySettings):
            sys.stderr.write(f"assistant cannot start: {problem}\n")
        return 1
    configure_logging("assistant", observed.log_level)
    server = DrainingServer(
        assistant.app,
        assistant.ready,
        drain_s=settings.drain_s,
        drain_timeout_s=settings.drain_timeout_s,
        receive_timeout_s=settings.receive_timeout_s,
    )
    _log.info("serving on http://%s:%d", *listener.getsockname())
    with listener:
        server.serve_on(listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
