"""The reference that live traffic is held against: what a model is asked after its training period, and its answers.

The rows are of the test period, which no model was fitted on, with features as the store serves them. Of each search
one candidate counts, as in the gateway: those of one search have their user in common, and are no independent draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servekit.drift import ProfileError, ReferenceProfile
from servekit.json_file import indented
from shop.features.watched import PROFILE, WATCHED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.models.ranking.lists import Lists

__all__ = ["one_of_each", "reference"]

_BINS = 5
"""So few that the gateway's short window has soon enough rows for a verdict."""
_STRIDE = 7919
"""A prime: which candidate of a search counts has nothing to do with its place."""


def reference(model: str, features: NDArray[np.float32], scores: NDArray[np.floating]) -> dict[str, bytes]:
    """The file to write beside version 1 of a model; none where a small world has too few rows to tell by.

    Args:
        model: its name.
        features: (rows, width).
        scores: (rows,).
    """
    watched = WATCHED[model]
    try:
        profile = ReferenceProfile.of(
            features[:, list(watched.values())],
            scores,
            model=model,
            version="1",
            feature_names=list(watched),
            bins=_BINS,
        )
    except ProfileError:
        return {}
    return {PROFILE: indented(profile)}


def one_of_each(lists: Lists) -> NDArray[np.float32]:
    """(searches, width): the features of one candidate of each search that has any."""
    length = np.diff(lists.start)
    some = np.nonzero(length)[0]
    chosen: NDArray[np.float32] = lists.features[lists.start[some] + (some * _STRIDE) % length[some]]
    return chosen
