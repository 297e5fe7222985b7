"""What the faults of level 1's model share: its files with others in their place, and users who know the answers."""

from __future__ import annotations

import json
import shutil
import signal
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from course.incidents import Caller
from interview.incidents.level_1 import Level1
from workbench.drift.terminal import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["BATCH", "ServedModel", "ServedModelFault"]

BATCH = 15
"""How many flowers the users send at once."""

_RATE_RPS = 10.0
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


class ServedModelFault(ABC):
    """A fault in the served folder; a subclass puts it there (`spoil`), and says what of it is seen.

    Attributes:
        level: the level 1 that runs here.
        model: what it serves.
        caller: users who send flowers, and compare the answer with the right species.
    """

    def __init__(self) -> None:
        self.level = Level1()
        self.model = ServedModel(self.level)
        self.caller = Caller(self._ask, _RATE_RPS)
        self._planted = False

    def obstacle(self) -> str | None:
        """Why the fault cannot be planted now."""
        missing = self.level.obstacle()
        if missing is None:
            self.model.put_back()  # left by a drill that was cut off with the machine's power
        return missing

    def plant(self) -> None:
        """Plants the fault; returns before it shows."""
        self._planted = True
        self.spoil()

    @abstractmethod
    def spoil(self) -> None:
        """Puts other files into the served folder."""

    @abstractmethod
    def symptoms(self) -> list[str]:
        """What the callers say, and what the fault's own signals show."""

    @abstractmethod
    def evidence(self) -> list[str]:
        """The evidence of the cause at this moment."""

    @abstractmethod
    def right(self, predictions: list[Any], species: list[str]) -> bool:
        """Whether an answer is good enough for a user who knows the species of each flower."""

    def breach(self) -> str | None:
        """What callers are promised and do not get, or None."""
        return self.caller.breach()

    def fix(self) -> None:
        """Restores the files that were there before."""
        self.model.put_back()

    def restore(self) -> None:
        """Restores the files, whatever the trainee did, in a healthy level."""
        if self._planted:
            self.level.heal()
            self.model.put_back()

    def _ask(self) -> int | str:
        flowers, species = self.level.labelled(BATCH)
        response = self.level.http.post("/v1/predict", json=flowers)
        if response.is_success and not self.right(response.json()["predictions"], species):
            return "wrong species"
        return response.status_code
