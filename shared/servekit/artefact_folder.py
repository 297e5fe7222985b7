"""The files of a model artefact: a folder whose ``model.json`` has the sha256 of each other file.

Only the standard library is used here: Seldon's components read their artefacts with it, in an environment that has
little else.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from servekit.external_data import has_external_data
from servekit.signing import SIGNATURE, KeyFileError, is_signed, sign

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CARD", "MODEL", "ArtefactError", "ArtefactFolder", "encode_card"]

MODEL, CARD = "model.onnx", "model.json"
"""The names of the model's graph and of its card."""


T = TypeVar("T")


class ArtefactError(Exception):
    """A model must not be served: it is missing, incomplete, or not the bytes that were trained."""


def encode_card(card: Any) -> bytes:
    """The bytes of a card that is a dataclass, indented for people."""
    return json.dumps(asdict(card), indent=2).encode() + b"\n"


@dataclass(frozen=True)
class ArtefactFolder:
    """The folder of an artefact's files, and the command that writes them.

    Attributes:
        path: the folder.
        train: the command that writes it, e.g. ``make train-1``.
        setting: the variable that names another folder; ``<LEVEL>_SIGNED_BY`` and ``<LEVEL>_SIGN_WITH`` begin like it.
        derived: this process made the files from a checked artefact, so no signature is asked for.
        name: the name that a signed card must have; empty for any.
    """

    path: Path
    train: str
    setting: str
    derived: bool = False
    name: str = ""

    def card(self) -> bytes:
        """The card's bytes; where ``<LEVEL>_SIGNED_BY`` names a public key, its owner must have signed them.

        The cards of older versions and of other models are signed as well, and would pass in the place of this one with
        all their files. So a signed card must have the expected name, the version that its folder is called by (where
        that is a number), and no version below ``<LEVEL>_VERSION_MIN``.

        Raises:
            ArtefactError: the card cannot be read, is not signed, has another name or version, or the file named by
                ``<LEVEL>_SIGNED_BY`` holds no key.
        """
        content, (variable, key) = self.read(CARD), self._key("SIGNED_BY")
        if key is None or self.derived:
            return content
        again = f"run {self.train} with {self._key('SIGN_WITH')[0]}, or unset {variable}"
        if not (self.path / SIGNATURE).exists():
            raise ArtefactError(f"{self.path / CARD}: not signed, but {variable} {key} asks for a signature: {again}")
        try:
            signed = is_signed(content, self.read(SIGNATURE), key)
        except KeyFileError as error:
            raise ArtefactError(f"{variable}: {error}") from None
        if not signed:
            raise ArtefactError(f"{self.path / CARD}: not signed by the owner of {variable} {key}: {again}")
        self._check_place(content)
        return content

    def card_as(self, kind: type[T]) -> T:
        """The card as that dataclass.

        Raises:
            ArtefactError: as `card`, or its fields are not those of the dataclass.
        """
        try:
            return kind(**json.loads(self.card()))
        except (ValueError, TypeError) as error:
            raise self.unreadable(CARD, "a model card", error) from None

    def _check_place(self, content: bytes) -> None:
        card, folder = json.loads(content), self.path.absolute().name
        name, version = str(card.get("name")), str(card.get("version"))
        where = f"{self.path / CARD}: signed for {name}, version {version}: expected"
        if self.name and name != self.name:
            raise ArtefactError(f"{where} {self.name}: the files of another model were put here: run {self.train}")
        if folder.isdecimal() and version != folder:
            raise ArtefactError(
                f"{where} version {folder}, as its folder: the files of another version were put here: run {self.train}"
            )
        variable = f"{self.setting.partition('_')[0]}_VERSION_MIN"
        least = os.environ.get(variable) or "0"
        if not (least.isdecimal() and version.isdecimal() and int(version) >= int(least)):
            raise ArtefactError(f"{where} {variable} {least} or above: serve a newer version, or lower the setting")

    def _key(self, use: str) -> tuple[str, Path | None]:
        """The variable of a key, and the file that it names."""
        variable = f"{self.setting.partition('_')[0]}_{use}"
        path = os.environ.get(variable)
        return variable, Path(path) if path else None

    def read(self, name: str) -> bytes:
        """A file's bytes.

        Raises:
            ArtefactError: the file is missing, cannot be read, or lies outside the folder.
        """
        try:
            return self._inside(name).read_bytes()
        except OSError as error:
            reason = f"{error.strerror}: run {self.train}, or set {self.setting}"
            raise ArtefactError(f"{self.path / name}: {reason}") from None

    def verified(self, name: str, sha256: str) -> bytes:
        """The bytes of a file whose sha256 is the card's; an ONNX graph must also hold all its weights itself.

        Raises:
            ArtefactError: the sha256 differs, the graph takes weights from other files, or the file cannot be read.
        """
        content = self.read(name)
        actual = hashlib.sha256(content).hexdigest()
        if actual != sha256:
            raise ArtefactError(
                f"{self.path / name} sha256 {actual[:12]}…: expected {sha256[:12]}…, as {CARD} says:"
                f" the file is damaged or was replaced: run {self.train}"
            )
        if PurePath(name).suffix == ".onnx" and has_external_data(content):
            raise ArtefactError(
                f"{self.path / name}: takes weights from other files, whose sha256 no card has: expected a graph that"
                f" holds all its weights: run {self.train}"
            )
        return content

    def _inside(self, name: str) -> Path:
        """The path of a file that lies in the folder itself.

        Raises:
            ArtefactError: its name or a link leads out of the folder.
        """
        path = self.path / name
        if name in {"", ".."} or PurePath(name).name != name:
            raise ArtefactError(f"{name!r}: expected the name of a file in {self.path}, and no path")
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise ArtefactError(f"{path}: a link to {path.resolve()}, outside the artefact: run {self.train}")
        return path

    def unreadable(self, name: str, expected: str, error: object) -> ArtefactError:
        """The error for a file whose contents are not what is expected."""
        return ArtefactError(f"{self.path / name}: not {expected}: {error}: run {self.train}")

    def write(self, files: Mapping[str, bytes], card: bytes) -> None:
        """Writes the files, and the card last: a folder without one is a run that did not finish.

        Where ``<LEVEL>_SIGN_WITH`` names a private key, the card's signature lies beside it.

        Raises:
            ArtefactError: the file named by ``<LEVEL>_SIGN_WITH`` holds no key.
        """
        signature = self._signature(card)
        self.path.mkdir(parents=True, exist_ok=True)
        for stale in (CARD, SIGNATURE):
            (self.path / stale).unlink(missing_ok=True)
        for name, content in {**files, **signature, CARD: card}.items():
            (self.path / name).unlink(missing_ok=True)  # a link would be followed
            (self.path / name).write_bytes(content)

    def _signature(self, card: bytes) -> dict[str, bytes]:
        variable, key = self._key("SIGN_WITH")
        try:
            return {SIGNATURE: sign(card, key)} if key else {}
        except KeyFileError as error:
            raise ArtefactError(f"{variable}: {error}") from None
