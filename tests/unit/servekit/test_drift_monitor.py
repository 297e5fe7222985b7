from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from servekit.drift import DriftMonitor, ReferenceProfile

Table = NDArray[np.float32]
NAMES = ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]
CLASSES = ["setosa", "versicolor", "virginica"]


class Iris(NamedTuple):
    """What a level's training leaves: rows, a model, and the profile of both."""

    features: NDArray[np.float64]
    model: Any
    profile: ReferenceProfile


@cache
def iris() -> Iris:
    """Made by the first test that asks: scikit-learn takes longer to import than these tests to run."""
    from sklearn.datasets import load_iris  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.model_selection import cross_val_predict  # noqa: PLC0415

    features, labels = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000)
    held_out = cross_val_predict(model, features, labels, method="predict_proba")
    profile = ReferenceProfile.of(
        features, held_out, model="iris", version="1", feature_names=NAMES, score_names=CLASSES
    )
    return Iris(features, model.fit(features, labels), profile)


def served(rng: np.random.Generator, rows: int, shift: float = 0.0) -> tuple[Table, Table]:
    features = iris().features[rng.integers(0, len(iris().features), rows)].copy()
    features[:, 1] += shift * iris().features[:, 1].std()
    return features.astype(np.float32), iris().model.predict_proba(features).astype(np.float32)


def serve(monitor: DriftMonitor, features: Table, scores: Table, scrape_every: int = 20) -> int | None:
    """Row by row, as a server would; the number of rows after which a scrape raised the alarm."""
    for row in range(len(features)):
        monitor.observe(features[row : row + 1], scores[row : row + 1])
        if row % scrape_every == scrape_every - 1 and monitor.alarms():
            return row + 1
    return None


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_shift_of_one_standard_deviation_is_flagged_within_500_requests(seed: int) -> None:
    rng = np.random.default_rng(seed)
    monitor = DriftMonitor(iris().profile)
    assert serve(monitor, *served(rng, 700)) is None
    assert serve(monitor, *served(rng, 500, shift=1.0)) is not None
    assert "sepal_width_cm" in {alarm.feature for alarm in monitor.alarms()}
    assert all(alarm.value > alarm.threshold for alarm in monitor.alarms())


def test_twenty_quiet_runs_on_iris_rows_raise_no_alarm() -> None:
    for seed in range(20):
        assert (
            serve(DriftMonitor(iris().profile), *served(np.random.default_rng(1000 + seed), 1500), scrape_every=50)
            is None
        )


@pytest.mark.parametrize("reference_rows", [150, 1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_twenty_quiet_runs_with_a_reference_of_their_own_raise_no_alarm(reference_rows: int) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        reference = rng.gamma(2.0, size=(reference_rows, 4))
        profile = ReferenceProfile.of(
            reference, reference.sum(axis=1), model="m", version="1", feature_names=list("abcd")
        )
        monitor = DriftMonitor(profile)
        for _ in range(100):
            features = rng.gamma(2.0, size=(50, 4)).astype(np.float32)
            monitor.observe(features, features.sum(axis=1, keepdims=True))
            assert monitor.alarms() == ()


@pytest.mark.parametrize("seed", range(3))
def test_a_small_shift_that_stays_is_flagged_by_the_long_window_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = list("abcd")
    reference = rng.normal(size=(1_000, 4))
    monitor = DriftMonitor(
        ReferenceProfile.of(reference, reference.sum(axis=1), model="m", version="1", feature_names=names)
    )
    features = rng.normal([0.3, 0, 0, 0], 1, (6_000, 4))
    monitor.observe(features, features.sum(axis=1, keepdims=True))
    short, long = monitor.reports()
    assert short.alarms == ()
    assert {alarm.feature for alarm in long.alarms} == {"a"}


def test_a_change_that_shows_only_in_the_scores_is_flagged_there() -> None:
    rng = np.random.default_rng(5)
    features, scores = served(rng, 500)
    monitor = DriftMonitor(iris().profile)
    monitor.observe(features, scores[:, [2, 0, 1]] * np.float32(0.9))
    assert {alarm.feature for alarm in monitor.alarms()} == set(CLASSES)


def test_recovery_ends_the_alarm_once_the_window_has_passed() -> None:
    rng = np.random.default_rng(6)
    monitor = DriftMonitor(iris().profile)
    monitor.observe(*served(rng, 500, shift=2.0))
    assert monitor.alarms()
    monitor.observe(*served(rng, 500))
    assert monitor.alarms() == ()


def test_no_verdict_before_half_a_window() -> None:
    rng = np.random.default_rng(7)
    monitor = DriftMonitor(iris().profile)
    monitor.observe(*served(rng, 249, shift=5.0))
    short, long = monitor.reports()
    assert (short.window, short.columns, short.rows, short.required) == ("short", (), 249, 250)
    assert (long.window, long.columns, long.rows, long.required) == ("long", (), 249, 2_500)
    monitor.observe(*served(rng, 1, shift=5.0))
    assert monitor.alarms()


def test_looks_are_rationed_however_often_it_is_scraped() -> None:
    rng = np.random.default_rng(8)
    monitor = DriftMonitor(iris().profile)
    monitor.observe(*served(rng, 5_000))
    monitor.reports()
    reports = []
    for _ in range(1_000):
        monitor.observe(*served(rng, 1))
        reports.append(monitor.reports())
    assert len({id(short) for short, _ in reports}) == 1 + 20
    assert len({id(long) for _, long in reports}) == 1 + 2


def test_not_a_number_is_drift_and_never_an_exception() -> None:
    rng = np.random.default_rng(9)
    monitor = DriftMonitor(iris().profile)
    features, scores = served(rng, 500)
    features[:, 2] = np.nan
    monitor.observe(features, scores)
    assert {alarm.feature for alarm in monitor.alarms()} == {"petal_length_cm"}


def test_a_wrong_width_is_named() -> None:
    with pytest.raises(ValueError, match=r"^features of shape \[1, 3\]: expected \[n, 4\], as in the profile$"):
        DriftMonitor(iris().profile).observe(np.zeros((1, 3)), np.zeros((1, 3)))


def test_a_window_too_small_for_its_bins_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^window 299 rows: expected at least 300 for 6 bins$"):
        DriftMonitor(iris().profile, window=299)
