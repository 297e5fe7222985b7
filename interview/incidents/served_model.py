"""The files of the model that level 1 serves, while a fault has put others in their place."""

from __future__ import annotations

import json
import shutil
import signal
import time
from typing import TYPE_CHECKING

from workbench.drift.terminal import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from interview.incidents.level_1 import Level1

__all__ = ["ServedModel"]

_TAKES_WITHIN_S = 20.0


class ServedModel:
    """What lies in the served folder, and what lay there before.

    Args:
        level: whose.
    """

    def __init__(self, level: Level1) -> None:
        self._level = level
        self._kept = level.stack.home / "served.kept"
        self.folder: Path = level.settings.model_dir

    def replace(self, files: Mapping[str, bytes]) -> None:
        """Puts files in the place of those of the same names, and has the server read the folder again."""
        self._kept.mkdir()
        for name in files:
            shutil.copy2(self.folder / name, self._kept / name)
        self._write(files)

    def put_back(self) -> None:
        """Restores what was there, and has the server read it; harmless when nothing was replaced."""
        files = {path.name: path.read_bytes() for path in self._kept.glob("*.*")}
        if any((self.folder / name).read_bytes() != content for name, content in files.items()):
            self._write(files)
        self.forget()

    def forget(self) -> None:
        """Removes what was kept."""
        shutil.rmtree(self._kept, ignore_errors=True)

    @property
    def before(self) -> Path:
        """Where the files are that were there before."""
        return self._kept

    def drifted(self) -> list[str]:
        """The features and scores that are in alarm."""
        versions = parse(self._level.http.get("/metrics").text)
        return [name for drift in versions.values() for name in drift.drifted]

    def _metrics(self) -> list[str]:
        return self._level.http.get("/metrics").text.splitlines()

    def _write(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        self._level.send(signal.SIGUSR1)
        wanted = json.loads((self.folder / "model.json").read_bytes())["sha256"]
        deadline = time.monotonic() + _TAKES_WITHIN_S
        while not any(f'"{wanted}"' in line and line.endswith(" 1.0") for line in self._metrics()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"level 1 does not serve {wanted[:12]} after {_TAKES_WITHIN_S:g} s")
            time.sleep(0.1)
