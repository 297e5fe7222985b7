"""A running ``python -m iris_api``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import httpx

from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

__all__ = ["IrisServer", "StartIris"]


class IrisServer(NamedTuple):
    """A running ``python -m iris_api``."""

    process: subprocess.Popen[bytes]
    port: int
    grpc_port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def wait_ready(self) -> IrisServer:
        until(self._ready, lambda: f"{self.stderr}{self.stdout}")
        return self

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(GENEROUS_S)

    def _ready(self) -> bool:
        assert self.process.poll() is None, f"exit code {self.process.returncode}\n{self.stderr}{self.stdout}"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=GENEROUS_S).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class StartIris(Protocol):
    def __call__(self, **environment: str) -> IrisServer: ...
