"""``python -m iris_api`` starts the server, in one process or several."""

from __future__ import annotations

import sys

from pydantic import ValidationError

from iris_api.adapters.artefact import ArtefactError, read_artefact
from iris_api.entrypoints.sockets import check_ports
from iris_api.entrypoints.workers import Workers
from iris_api.settings import IrisSettings
from servekit.audit import AuditError, AuditLossError, AuditSettings
from servekit.drift import ProfileError
from servekit.startup import StartupError, setting_problems
from servekit.telemetry import TelemetrySettings


def main() -> int:
    """The exit status: 0 after a clean stop; 1, with one line on stderr, after a failed start or lost audit lines."""
    try:
        settings = IrisSettings(_cli_parse_args=True, _cli_prog_name="python -m iris_api", _cli_kebab_case=True)
        read_artefact(settings.model_dir)
        if not settings.worker_of:
            check_ports(settings)
        if settings.workers > 1:
            return Workers(settings).run()
        from iris_api.bootstrap import serve  # noqa: PLC0415 - the parent of workers does without

        serve(settings)
    except ValidationError as error:
        for problem in setting_problems(error, IrisSettings, TelemetrySettings, AuditSettings):
            print(f"iris-api cannot start: {problem}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 1
    except AuditLossError as error:
        print(f"iris-api: {error}", file=sys.stderr)  # noqa: T201 - the log is closed
        return 1
    except (ArtefactError, StartupError, AuditError, ProfileError, OSError) as error:
        print(f"iris-api cannot start: {error}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
