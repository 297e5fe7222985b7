"""The files of a model artefact: a folder whose ``model.json`` vouches for the bytes of the others.

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
"""The model's graph, and what says what it is."""


T = TypeVar("T")


class ArtefactError(Exception):
    """A model that must not be served: missing, incomplete, or not the bytes that were trained."""


def encode_card(card: Any) -> bytes:
    """The bytes of a card that is a dataclass, indented for people."""
    return json.dumps(asdict(card), indent=2).encode() + b"\n"


@dataclass(frozen=True)
class ArtefactFolder:
    """Where the files are, and what makes them.

    Attributes:
        path: the folder.
        train: the command that writes it, e.g. ``make train-1``.
        setting: the variable that names another folder; ``<LEVEL>_SIGNED_BY`` and ``<LEVEL>_SIGN_WITH`` begin like it.
        derived: this process made them of what it had checked: no signature is asked for.
        name: the model's, as a card that is signed must have it; empty: any.
    """

    path: Path
    train: str
    setting: str
    derived: bool = False
    name: str = ""

    def card(self) -> bytes:
        """The card's bytes; where ``<LEVEL>_SIGNED_BY`` names a public key, if its owner signed them for this place.

        An old version's card is signed, too, and another model's: put in this one's place with all their files, they
        would pass. So a signed card must say the name that is expected, the version that its folder is called by, where
        that is a number, and none below ``<LEVEL>_VERSION_MIN``.

        Raises:
            ArtefactError: they are not signed so, say something else, cannot be read, or that file holds no key.
        """
        content, (variable, key) = self.read(CARD), self._key("SIGNED_BY")
        if key is None or self.derived:
            return content
        again = f"run {self.train} with {self._key('SIGN_WITH')[0]}, or unset {variable}"
        if not (self.path / SIGNATURE).exists():
            raise ArtefactError(f"{self.path / CARD}: not signed, and {variable} {key} asks for it: {again}")
        try:
            signed = is_signed(content, self.read(SIGNATURE), key)
        except KeyFileError as error:
            raise ArtefactError(f"{variable}: {error}") from None
        if not signed:
            raise ArtefactError(f"{self.path / CARD}: not what the owner of {variable} {key} signed: {again}")
        self._check_place(content)
        return content

    def card_as(self, kind: type[T]) -> T:
        """The card, as a dataclass of its fields.

        Raises:
            ArtefactError: as `card`, and where its fields are not those.
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
                f"{where} version {folder}, as its folder: another's files were put here: run {self.train}"
            )
        variable = f"{self.setting.partition('_')[0]}_VERSION_MIN"
        least = os.environ.get(variable) or "0"
        if not (least.isdecimal() and version.isdecimal() and int(version) >= int(least)):
            raise ArtefactError(f"{where} {variable} {least} or above: serve a newer one, or set that lower")

    def _key(self, use: str) -> tuple[str, Path | None]:
        """The variable of a key, and the file that it names."""
        variable = f"{self.setting.partition('_')[0]}_{use}"
        path = os.environ.get(variable)
        return variable, Path(path) if path else None

    def read(self, name: str) -> bytes:
        """A file's bytes.

        Raises:
            ArtefactError: it is not there, cannot be read, or lies outside the folder.
        """
        try:
            return self._inside(name).read_bytes()
        except OSError as error:
            reason = f"{error.strerror}: run {self.train}, or set {self.setting}"
            raise ArtefactError(f"{self.path / name}: {reason}") from None

    def vouched(self, name: str, sha256: str) -> bytes:
        """A file's bytes, if they are those that the card vouches for; a graph's, if it holds all its weights itself.

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
        if PurePath(name).suffix == ".onnx" and has_external_data(content):
            raise ArtefactError(
                f"{self.path / name}: it takes weights from other files, which nothing vouches for: expected a graph"
                f" that holds all of them: run {self.train}"
            )
        return content

    def _inside(self, name: str) -> Path:
        """Where a file lies: in the folder itself, wherever names and links say that it should be.

        Raises:
            ArtefactError: it does not.
        """
        path = self.path / name
        if name in {"", ".."} or PurePath(name).name != name:
            raise ArtefactError(f"{name!r}: expected the name of a file in {self.path}, and no path")
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise ArtefactError(f"{path}: a link to {path.resolve()}, outside the artefact: run {self.train}")
        return path

    def unreadable(self, name: str, expected: str, error: object) -> ArtefactError:
        """What to raise for a file whose contents are not what they should be."""
        return ArtefactError(f"{self.path / name}: not {expected}: {error}: run {self.train}")

    def write(self, files: Mapping[str, bytes], card: bytes) -> None:
        """Writes the files, and the card last: a folder without one is a run that did not finish.

        Where ``<LEVEL>_SIGN_WITH`` names a private key, the card's signature lies beside it.

        Raises:
            ArtefactError: that file holds no key.
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
