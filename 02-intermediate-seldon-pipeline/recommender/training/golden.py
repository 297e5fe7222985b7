"""The oracle: each user's best items as NumPy computes them, written at training time as ``golden.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from recommender.adapters.artefact import Artefact, ArtefactError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

__all__ = ["TOLERANCE", "Golden"]

TOLERANCE = 1e-4
"""The largest difference between equal scores: the oracle sums in another order than ONNX Runtime does."""


class _Best(msgspec.Struct):
    ids: list[int]
    scores: list[float]


class _Oracle(msgspec.Struct):
    users: dict[int, _Best]


class _Item(msgspec.Struct):
    id: int
    title: str
    score: float


class _Payload(msgspec.Struct):
    items: list[_Item]


class _AnswerMeta(msgspec.Struct):
    tags: dict[str, str | bool]


class _GoldenAnswer(msgspec.Struct):
    jsonData: _Payload  # noqa: N815 - the protocol's own name
    meta: _AnswerMeta


class Golden:
    """The oracles of all versions in service.

    Args:
        folders: their artefacts; of two with the same version in their cards, the first counts.

    Raises:
        ArtefactError: a ``golden.json`` or a card is missing or damaged.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._of: dict[str, dict[int, _Best]] = {}
        for folder in folders:
            self._of.setdefault(Artefact(folder).card().version, _read(folder / "golden.json"))

    @property
    def users(self) -> list[int]:
        """Every user that the models know, ascending."""
        return sorted(next(iter(self._of.values())))

    def check(self, user: int, k: int, out: Collection[int], answer: bytes) -> str | None:
        """None for a right answer to a user who asked for ``k`` items while ``out`` are out of stock, else its fault.

        An answer is right by the oracle of the version that it names; equal scores may be in any order.
        """
        decoded = msgspec.json.decode(answer, type=_GoldenAnswer)
        version = str(decoded.meta.tags["version"])
        best = self._of[version][user]
        wanted = [(item, score) for item, score in zip(best.ids, best.scores, strict=True) if item not in out][:k]
        found = [(item.id, item.score) for item in decoded.jsonData.items]
        if len(found) != len(wanted):
            return f"user {user}, version {version}: {len(found)} items, expected {len(wanted)}"
        for place, ((item, score), (expected, its_score)) in enumerate(zip(found, wanted, strict=True), 1):
            if abs(score - its_score) > TOLERANCE or item in out:
                expectation = f"{item} ({score}), expected {expected} ({its_score})"
                return f"user {user}, version {version}: place {place} is {expectation}"
        return None


def _read(path: Path) -> dict[int, _Best]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Oracle).users
    except (OSError, msgspec.MsgspecError) as error:
        raise ArtefactError(f"{path}: {error}: run make train-2") from None
