"""The known versions of the models. A caller may name any version; a metric's label may only be a known one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["OTHER", "Versions"]

OTHER = "other"


class Versions:
    """The versions that are loaded or have answered; all that callers invent is `OTHER` together.

    Args:
        loaded: known from the start.

    Attributes:
        strange: whether somebody named one that is not known, so that the model server should be asked.
        expect: told of each version before anything is counted under its name.
    """

    expect: Callable[[str], None]

    def __init__(self, loaded: Iterable[str]) -> None:
        self._known = {"", *loaded}  # empty: whichever the server chooses
        self.strange = False
        self.expect = lambda _: None

    @property
    def known(self) -> frozenset[str]:
        """Those that are counted by their names; empty for whichever the server chooses."""
        return frozenset(self._known)

    def learn(self, *versions: str) -> None:
        """Adds versions that the model server has."""
        for version in versions:
            if version not in self._known:
                self.expect(version)
                self._known.add(version)

    def label(self, version: str) -> str:
        """The version as metrics count it."""
        if version in self._known:
            return version
        self.strange = True
        return OTHER
