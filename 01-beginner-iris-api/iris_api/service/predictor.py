"""The prediction use case: rows in, labels and probabilities out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import numpy as np

from iris_api.domain.flower import MAX_BATCH, check_rows
from servekit.errors import NotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Model", "Predictor"]


class Model(Protocol):
    """A classifier that is loaded and ready to run."""

    name: str
    version: str
    sha256: str

    def run(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Labels (n,) and probabilities (n, 3) of rows (n, 4), in cm."""
        ...


class Predictor:
    """Runs the model on valid rows, and tells whether the service is ready.

    Attributes:
        model: the model in service; whoever replaces it does so between two requests.
        draining: set once the process has been told to stop; it is then no longer ready, but still answers.
        conditions: further checks of readiness; each raises NotReadyError while it fails.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.draining = False
        self.conditions: list[Callable[[], None]] = []

    def predict_checked(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Labels (n,) and probabilities (n, 3) of 1 to 1,000 rows that the caller has already checked.

        The model runs in the calling thread: so few rows take less time than a hop to another thread and back.
        """
        return self.model.run(rows)

    async def predict(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Labels (n,) and probabilities (n, 3) of any number of rows.

        More than 1,000 rows run in another thread, so that other requests do not wait behind them.

        Raises:
            InvalidValueError: no rows, or a length outside 0 to 100 cm.
        """
        check_rows(rows)
        if len(rows) <= MAX_BATCH:
            return self.predict_checked(rows)
        return await asyncio.to_thread(self.model.run, rows)

    def check_ready(self) -> None:
        """Checks with a warm-up prediction that the model answers.

        Raises:
            NotReadyError: the process is draining, a condition fails, or the model's answer is not a distribution.
        """
        if self.draining:
            raise NotReadyError("server", "draining", "call another replica")
        for check in self.conditions:
            check()
        label, probabilities = self.model.run(np.array([[5.1, 3.5, 1.4, 0.2]], np.float32))
        if label.shape != (1,) or not np.isclose(probabilities.sum(), 1, atol=1e-3):
            raise NotReadyError("model", self.model.name, "its warm-up prediction is not a distribution")
