"""How good recommendations are: whether people find among them what they look at next."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shop.models.metrics import ndcg_of_hits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Quality", "UserQualities", "evaluate", "evaluate_each", "top"]

_AT_ONCE = 512


@dataclass(frozen=True)
class Quality:
    """Means over the users judged.

    Attributes:
        recall_at_100: share of what they looked at, of 100 at most, that the list has.
        ndcg_at_10: of the first ten.
        coverage_at_100: share of the catalogue that is on anybody's list.
    """

    recall_at_100: float
    ndcg_at_10: float
    coverage_at_100: float

    @classmethod
    def of(cls, each: UserQualities) -> Quality:
        """The means; 0 where nobody is judged."""
        if not len(each.recall_at_100):
            return cls(0.0, 0.0, 0.0)
        return cls(float(each.recall_at_100.mean()), float(each.ndcg_at_10.mean()), float(each.shown.mean()))

    def rounded(self) -> dict[str, float]:
        """To four digits, as the card has them."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class UserQualities:
    """What `Quality` is the mean of: values of each user judged, and whether each item was on anybody's list."""

    recall_at_100: NDArray[np.float64]
    ndcg_at_10: NDArray[np.float64]
    shown: NDArray[np.bool_]


def top(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """(n, k): the columns of the best scores, best first; of equal scores the first column."""
    k = min(k, scores.shape[1])
    threshold = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
    best = np.empty((len(scores), k), np.int64)
    for row, (values, least) in enumerate(zip(scores, threshold, strict=True)):
        (candidates,) = np.nonzero(values >= least)
        best[row] = candidates[np.argsort(-values[candidates], kind="stable")][:k]
    return best


def evaluate(recommend: Callable[[NDArray[np.int64]], NDArray[np.int64]], looked: Any) -> Quality:
    """Judges lists: ``recommend`` gives (n, 100) items, best first, for users (n,).

    ``looked`` is a sparse matrix (users, items) of what they looked at afterwards. Nothing is left out of the lists:
    people come back to what they have seen. A list is judged as it is served, its ties in the order of the items' ids,
    which here say nothing: the first hundred ids do as well as any.
    """
    return Quality.of(evaluate_each(recommend, looked))


def evaluate_each(recommend: Callable[[NDArray[np.int64]], NDArray[np.int64]], looked: Any) -> UserQualities:
    """The same of each user who looked at anything."""
    users = np.nonzero(np.diff(looked.indptr))[0]
    recalls, gains, shown = [np.empty(0)], [np.empty(0)], np.zeros(looked.shape[1], bool)
    for start in range(0, len(users), _AT_ONCE):
        some = users[start : start + _AT_ONCE]
        lists = recommend(some)
        shown[lists] = True
        relevant = np.asarray(looked[some].todense() > 0)
        hits = np.take_along_axis(relevant, lists, axis=1)
        total = relevant.sum(axis=1)
        recalls.append(hits.sum(axis=1) / np.minimum(total, lists.shape[1]))
        gains.append(ndcg_of_hits(hits, total))
    return UserQualities(np.concatenate(recalls), np.concatenate(gains), shown)
