"""The teacher: LambdaMART, gradient-boosted trees that learn from the order of whole pages.

Burges, *From RankNet to LambdaRank to LambdaMART*, 2010. What was shown higher was clicked more for that alone;
LightGBM estimates this bias of position along the way (Hu et al., *Unbiased LambdaMART*, 2019) so the trees need not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shop.models.openmp import provide
from shop.models.ranking.lists import GAINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.models.ranking.lists import Lists

__all__ = ["fit_teacher"]

# Chosen on the validation period; never on the test period.
_ROUNDS = 80
_PARAMETERS = {
    "objective": "lambdarank",
    "label_gain": GAINS.tolist(),
    "learning_rate": 0.12,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "max_bin": 63,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "lambdarank_truncation_level": 15,
    "seed": 7,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def fit_teacher(lists: Lists, **changes: Any) -> Any:
    """A booster whose ``predict`` scores rows; ``changes`` to the parameters are for choosing them."""
    provide()
    import lightgbm  # noqa: PLC0415 - only now is its OpenMP runtime there

    rounds = changes.pop("rounds", _ROUNDS)
    useful = _clicked(lists)
    data = lightgbm.Dataset(
        lists.features[useful],
        label=lists.label[useful],
        group=np.unique(lists.row[useful], return_counts=True)[1],
        position=lists.position[useful],
        params={"max_bin": _PARAMETERS["max_bin"], "verbosity": -1},
    )
    return lightgbm.train({**_PARAMETERS, **changes}, data, num_boost_round=rounds)


def _clicked(lists: Lists) -> NDArray[np.int64]:
    """Rows of the pages with a click: the others say nothing of the order."""
    any_click = np.bincount(lists.row, weights=lists.label) > 0
    return np.nonzero(any_click[lists.row])[0]
