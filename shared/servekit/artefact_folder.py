"""The files of a model artefact: a folder whose ``model.json`` vouches for the bytes of the others.

Only the standard library is used here: Seldon's components read their artefacts with it, in an environment that has
little else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["CARD", "MODEL", "ArtefactError", "ArtefactFolder"]

MODEL, CARD = "model.onnx", "model.json"
"""The model's graph, and what says what it is."""


class ArtefactError(Exception):
    """A model that must not be served: missing, incomplete, or not the bytes that were trained."""


@dataclass(frozen=True)
class ArtefactFolder:
    """Where the files are, and what makes them.

    Attributes:
        path: the folder.
        train: the command that writes it, e.g. ``make train-1``.
        setting: the variable that names another folder.
    """

    path: Path
    train: str
    setting: str

    def read(self, name: str) -> bytes:
        """A file's bytes.

        Raises:
            ArtefactError: it is not there, or cannot be read.
        """
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            reason = f"{error.strerror}: run {self.train}, or set {self.setting}"
            raise ArtefactError(f"{self.path / name}: {reason}") from None

    def vouched(self, name: str, sha256: str) -> bytes:
        """A file's bytes, if they are those that the card vouches for.

        Raises:
            ArtefactError: they are not, or cannot be read.
        """
        content = self.read(name)
        actual = hashlib.sha256(content).hexdigest()
        if actual != sha256:
            raise ArtefactError(
                f"{self.path / name} sha256 {actual[:12]}…: {CARD} vouches for {sha256[:12]}…;"
                f" the file is damaged or was replaced: run {self.train}"
            )
        return content

    def unreadable(self, name: str, expected: str, error: object) -> ArtefactError:
        """What to raise for a file whose contents are not what they should be."""
        return ArtefactError(f"{self.path / name}: not {expected}: {error}: run {self.train}")

    def write(self, files: Mapping[str, bytes], card: bytes) -> None:
        """Writes the files, and the card last: a folder without one is a run that did not finish."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / CARD).unlink(missing_ok=True)
        for name, content in {**files, CARD: card}.items():
            (self.path / name).write_bytes(content)
