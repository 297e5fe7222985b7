"""``python -m recommender.entrypoints.components NAME [OPTION…]``: a component under Seldon's wrapper.

NAME is preprocessor, model or postprocessor; the options are those of ``seldon-core-microservice``. Three things are
better than with that command itself. The servers listen on RECOMMENDER_STEP_HOST alone (127.0.0.1 unless set; 0.0.0.0
in a container) and refuse web pages. They end when the component is told to stop; the wrapper alone would wait for its
gRPC server for ever, so a container would run until it is killed. A broken artefact gives one line, not a traceback.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys

from recommender.adapters.artefact import ArtefactError

__all__ = ["main"]

_PACKAGE = "recommender.entrypoints.components"
_CLASSES = {
    "preprocessor": (f"{_PACKAGE}.preprocessor.Preprocessor", "TRANSFORMER"),
    "model": (f"{_PACKAGE}.model.Model", "MODEL"),
    "postprocessor": (f"{_PACKAGE}.postprocessor.Postprocessor", "TRANSFORMER"),
}


def main() -> int:
    """Serves until a signal stops the process; returns 1 when the component cannot start, 2 for a wrong NAME."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in _CLASSES:
        print(f"component {name!r}: expected one of {', '.join(_CLASSES)}", file=sys.stderr)
        return 2
    from seldon_core import microservice  # noqa: PLC0415 - half a second that a wrong name need not wait for

    from recommender.entrypoints.components.access import restrict_access  # noqa: PLC0415 - the same

    component, kind = _CLASSES[name]
    sys.argv[1:2] = [component, "--service-type", kind]
    os.environ.setdefault("PREDICTIVE_UNIT_ID", name)
    atexit.register(_end_servers, os.getpid())  # runs before multiprocessing's own, which waits for them
    try:
        restrict_access(os.environ.get("RECOMMENDER_STEP_HOST", "127.0.0.1"))
        microservice.main()
    except ArtefactError as error:
        print(f"{name} cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def _end_servers(owner: int) -> None:
    if os.getpid() == owner:
        for server in multiprocessing.active_children():
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
