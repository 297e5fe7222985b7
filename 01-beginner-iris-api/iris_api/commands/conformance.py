"""``make conformance-1`` checks that the level speaks the Open Inference Protocol, over REST and gRPC."""

from __future__ import annotations

import os
import sys

from iris_api.settings import IrisSettings
from workbench.conformance.__main__ import main as check
from workbench.stack import elsewhere, host_of, join

__all__ = ["main"]


def main() -> int:
    """The exit status: 0 when the server conforms, 1 when it does not, 2 when it does not answer.

    ``URL`` names a server elsewhere. It is asked over gRPC too where ``IRIS_GRPC_PORT`` says at which of its ports.
    """
    settings = IrisSettings()
    url = elsewhere()
    words = [url or f"http://127.0.0.1:{settings.port}", "--model", "iris"]
    if url is None or "IRIS_GRPC_PORT" in os.environ:
        words += ["--grpc", f"{host_of(words[0])}:{settings.grpc_port}"]
    return check(words)


if __name__ == "__main__":
    join(1, lambda: IrisSettings().port, anywhere=True)
    sys.exit(main())
