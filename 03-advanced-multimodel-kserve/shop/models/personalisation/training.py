"""Train the personalisation model: embeddings of who looks at what, and how good the lists are that they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from servekit.shares import mean_margin
from shop.features.store import EMBEDDING, POPULAR_ITEMS
from shop.models.personalisation.als import AlsSettings, Embeddings, fit_als
from shop.models.personalisation.evaluation import Quality, evaluate_each, top
from shop.models.personalisation.graphs import TOP
from shop.models.ranking.interest import Interest
from shop.models.slices import halves, slices_of_means

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shop.models.periods import Periods
    from shop.world.record import Record

__all__ = ["PersonalisationTraining", "ReturningUsers", "train_personalisation"]

# Chosen on the validation period; never on the test period.
ALS = AlsSettings(width=EMBEDDING, confidence=1.0, damping=0.2, ridge=0.1, rounds=5, seed=7)
_JUDGED = 4_000  # users of the test period, at most


@dataclass(frozen=True)
class ReturningUsers:
    """Some of those who came back in a period: their ids, and a sparse matrix (users, items) of what all looked at."""

    users: NDArray[np.int64]
    looked: Any


@dataclass(frozen=True)
class PersonalisationTraining:
    """What training leaves.

    Attributes:
        embeddings: of users and items, as of the training period's end.
        popular: ids of the most popular items, best first: the fallback.
        quality: of ``popularity`` and ``als`` on the test period.
        margins: of recall and NDCG, how far they may be from what other such users would give, with 95 %.
        slices: NDCG for the less and the more active half of the users judged.
        judged: how many users looked at anything in the test period.
        choosing: who came back in the validation period, and what they looked at then.
        test: likewise in the test period: who was judged.
        interactions: how many views and clicks were learned from.
    """

    embeddings: Embeddings
    popular: NDArray[np.int64]
    quality: dict[str, Quality]
    margins: dict[str, dict[str, float]]
    slices: dict[str, dict[str, float]]
    judged: int
    choosing: ReturningUsers
    test: ReturningUsers
    interactions: int


def train_personalisation(
    record: Record, periods: Periods, say: Callable[[str], None] = lambda _: None
) -> PersonalisationTraining:
    """Learns from views, clicks and purchases until the training period's end."""
    known = Interest.until(record, periods.train)
    say(f"ALS on {len(known.time):,} views and clicks")
    embeddings = fit_als(known.matrix, ALS, say)
    popular = np.argsort(-np.bincount(known.item, minlength=known.items), kind="stable")
    choosing, test = (
        _returned(record, *period) for period in ((periods.train, periods.validate), (periods.validate, periods.end))
    )
    best = popular[: min(TOP, known.items)]
    each = {
        "popularity": evaluate_each(lambda some: np.tile(best, (len(some), 1)), test.looked),
        "als": evaluate_each(lambda some: top(embeddings.users[some] @ embeddings.items.T, TOP), test.looked),
    }
    quality = {name: Quality.of(of) for name, of in each.items()}
    margins = {
        name: {"recall_at_100": mean_margin(of.recall_at_100), "ndcg_at_10": mean_margin(of.ndcg_at_10)}
        for name, of in each.items()
    }
    active = known.per_user[np.nonzero(np.diff(test.looked.indptr))[0]]
    slices = slices_of_means(halves(active), "ndcg_at_10", each["als"].ndcg_at_10)
    judged = len(each["als"].ndcg_at_10)
    return PersonalisationTraining(
        embeddings, popular[:POPULAR_ITEMS], quality, margins, slices, judged, choosing, test, len(known.time)
    )


def _returned(record: Record, start: int, end: int) -> ReturningUsers:
    everything = Interest.until(record, end)
    late = everything.time >= start
    user, item = everything.user[late], everything.item[late]
    came = np.unique(user)
    users = np.sort(np.random.default_rng(7).permutation(came)[:_JUDGED])
    known = np.isin(user, users)
    shape = (everything.users, everything.items)
    looked = csr_array((np.ones(int(known.sum()), np.float32), (user[known], item[known])), shape=shape)
    return ReturningUsers(users, looked)
