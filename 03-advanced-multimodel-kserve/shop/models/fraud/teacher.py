"""The teacher: gradient-boosted trees on single payments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shop.models.openmp import provide

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_teacher"]

# Chosen on the validation period; never on the test period.
_ROUNDS = 150
_PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "max_bin": 127,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "seed": 7,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def fit_teacher(features: NDArray[Any], fraud: NDArray[Any], **changes: Any) -> Any:
    """A booster whose ``predict(…, raw_score=True)`` is the log odds of fraud; ``changes`` are for choosing."""
    provide()
    import lightgbm  # noqa: PLC0415 - only now is its OpenMP runtime there

    rounds = changes.pop("rounds", _ROUNDS)
    data = lightgbm.Dataset(features, label=fraud, params={"max_bin": _PARAMETERS["max_bin"], "verbosity": -1})
    return lightgbm.train({**_PARAMETERS, **changes}, data, num_boost_round=rounds)
