"""Train the ranking model: snapshot, teacher, student, and how good they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from servekit.shares import mean_margin
from shop.features.ranking import ITEM, USER
from shop.features.store import USER_WIDTH
from shop.models.metrics import ndcg_of_lists
from shop.models.ranking.lists import gather
from shop.models.ranking.snapshot import snapshot
from shop.models.ranking.student import fit_student
from shop.models.ranking.teacher import fit_teacher
from shop.models.slices import halves, slices_of_means

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shop.models.mlp import Mlp
    from shop.models.periods import Periods
    from shop.models.ranking.lists import Lists
    from shop.models.ranking.snapshot import Snapshot
    from shop.world.record import Record
    from shop.world.searching import Searches

__all__ = ["RankingTraining", "popularity", "train_ranking"]

_PAGES = 10_000  # to learn from at most: the newest; more cost time and teach nothing new


@dataclass(frozen=True)
class RankingTraining:
    """What training leaves.

    Attributes:
        student: for raw features.
        snapshot: what the feature store serves.
        quality: NDCG@10 of ``page order`` (as it was shown, by chance, from the top down), ``popularity``, ``teacher``
            and ``student`` on the test period.
        margins: how far each may be from what other such pages would give, with 95 %.
        slices: the student's quality for the less and the more active half of those who searched.
        judged: of how many pages.
        sample: (rows, RANKING_WIDTH) of the training rows, for calibration.
        choosing: the lists of the validation period, shuffled pages likewise.
        test: the lists of the test period.
        pages: how many pages were learned from.
        teacher: LightGBM's booster.
    """

    student: Mlp
    snapshot: Snapshot
    quality: dict[str, float]
    margins: dict[str, float]
    slices: dict[str, dict[str, float]]
    judged: int
    sample: NDArray[np.float32]
    choosing: Lists
    test: Lists
    pages: int
    teacher: Any


def train_ranking(record: Record, periods: Periods, say: Callable[[str], None] = lambda _: None) -> RankingTraining:
    """Learns from the training period's pages; judged on the test period's shuffled pages, where order had no say."""
    searches = record.searches
    say("features")
    before, served = snapshot(record, periods.history), snapshot(record, periods.train)
    learned = _between(searches, periods.history, periods.train)[-_PAGES:]
    lists = gather(searches, before, learned)
    choosing, test = (
        gather(searches, served, some[searches.explored[some]])
        for some in (
            _between(searches, periods.train, periods.validate), _between(searches, periods.validate, periods.end),
        )
    )  # fmt: skip
    say(f"teacher on {len(learned):,} pages, {len(lists.label):,} results")
    teacher = fit_teacher(lists)
    say("student")
    student = fit_student(lists, teacher.predict(lists.features))
    scores = {
        "page order": -test.position.astype(np.float64),
        "popularity": popularity(test),
        "teacher": teacher.predict(test.features),
        "student": student(test.features),
    }
    pages = {name: ndcg_of_lists(each, test.gains, test.start) for name, each in scores.items()}
    quality = {name: float(each.mean()) if len(each) else 0.0 for name, each in pages.items()}
    margins = {name: mean_margin(each) for name, each in pages.items()}
    sample = lists.features[:: max(1, len(lists.features) // 4096)][:4096]
    slices = slices_of_means(halves(_activity(test)), "ndcg_at_10", pages["student"])
    judged = len(pages["student"])
    return RankingTraining(
        student, served, quality, margins, slices, judged, sample, choosing, test, len(learned), teacher
    )


def popularity(lists: Lists) -> NDArray[np.float32]:
    """The baseline: what was looked at most comes first."""
    return lists.features[:, USER_WIDTH + ITEM["views"]]


def _activity(lists: Lists) -> NDArray[np.float32]:
    """How active the person was who searched, for each list that has a gain."""
    gained = np.bincount(lists.row, weights=lists.gains, minlength=len(lists.start) - 1) > 0
    active: NDArray[np.float32] = lists.features[lists.start[:-1][gained], USER["activity"]]
    return active


def _between(searches: Searches, start: int, end: int) -> NDArray[np.int64]:
    first, last = np.searchsorted(searches.time, [start, end])
    return np.arange(first, last)
