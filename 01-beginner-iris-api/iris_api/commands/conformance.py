"""``make conformance-1`` checks that the level speaks the Open Inference Protocol, over REST and gRPC."""

from __future__ import annotations

import sys

from iris_api.settings import IrisSettings
from workbench.conformance.__main__ import main as check
from workbench.stack import join

__all__ = ["main"]


def main() -> int:
    """The exit status: 0 when the server conforms, 1 when it does not, 2 when it does not answer."""
    settings = IrisSettings()
    return check([f"http://127.0.0.1:{settings.port}", "--model", "iris", "--grpc", f"127.0.0.1:{settings.grpc_port}"])


if __name__ == "__main__":
    join(1, lambda: IrisSettings().port)
    sys.exit(main())
