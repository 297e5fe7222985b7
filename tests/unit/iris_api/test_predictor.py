"""The use case: valid rows only, and ready only when the model's answer is one."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from iris_api.service.predictor import Predictor
from servekit.errors import InvalidValueError, NotReadyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Answer = tuple["NDArray[np.int64]", "NDArray[np.float32]"]


class FakeModel:
    """Answers setosa with the given certainty, and remembers which thread asked."""

    name, version, sha256 = "iris", "1", "0" * 64

    def __init__(self, certainty: float = 1) -> None:
        self.certainty = certainty
        self.threads: list[int] = []

    def run(self, rows: NDArray[np.float32]) -> Answer:
        self.threads.append(threading.get_ident())
        return np.zeros(len(rows), np.int64), np.full((len(rows), 3), (self.certainty, 0, 0), np.float32)


def rows(count: int) -> Any:
    return np.ones((count, 4), np.float32)


async def test_a_large_batch_runs_in_another_thread_and_a_small_one_here() -> None:
    model = FakeModel()
    for count in (1, 1000, 1001):
        labels, probabilities = await Predictor(model).predict(rows(count))
        assert (len(labels), len(probabilities)) == (count, count)
    here = threading.get_ident()
    assert [thread == here for thread in model.threads] == [True, True, False]


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (-1, "-1.0"), (100.1, "100.1")])
def test_a_value_outside_the_range_is_named(value: float, shown: str) -> None:
    bad = rows(5)
    bad[3, 1] = value
    with pytest.raises(InvalidValueError) as caught:
        asyncio.run(Predictor(FakeModel()).predict(bad))
    assert str(caught.value) == f"features[3].sepal_width_cm {shown}: expected a length from 0 to 100 cm"


def test_ready_while_the_model_answers_and_nobody_stops_the_process() -> None:
    predictor = Predictor(FakeModel())
    predictor.check_ready()
    predictor.draining = True
    with pytest.raises(NotReadyError, match=r"^server draining: call another replica$"):
        predictor.check_ready()


@pytest.mark.parametrize("certainty", [0.5, np.nan])
def test_not_ready_while_the_model_answers_nonsense(certainty: float) -> None:
    with pytest.raises(NotReadyError, match=r"^model iris: its warm-up prediction is not a distribution$"):
        Predictor(FakeModel(certainty)).check_ready()
