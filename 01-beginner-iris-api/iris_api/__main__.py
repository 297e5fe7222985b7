"""``python -m iris_api [--workers N …]``: serve. Each setting is a flag, or an ``IRIS_*`` variable."""

from __future__ import annotations

import sys

from pydantic import ValidationError

from iris_api.adapters.artefact import ArtefactError, read_artefact
from iris_api.entrypoints.listener import StartupError
from iris_api.entrypoints.serve import serve
from iris_api.entrypoints.workers import Workers
from iris_api.settings import IrisSettings


def main() -> int:
    """0 after a clean stop; 1 with a one-line reason when the process cannot start."""
    try:
        settings = IrisSettings(_cli_parse_args=True, _cli_prog_name="python -m iris_api", _cli_kebab_case=True)
        read_artefact(settings.model_dir)
        if settings.workers > 1:
            return Workers(settings).run()
        serve(settings)
    except (ArtefactError, StartupError) as error:
        print(f"iris-api cannot start: {error}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 1
    except ValidationError as error:
        for problem in error.errors():
            name = f"IRIS_{problem['loc'][0]}".upper()
            print(f"iris-api cannot start: {name} {problem['input']}: {problem['msg']}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
