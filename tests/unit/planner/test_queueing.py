from __future__ import annotations

import pytest

from planner.queueing import erlang_c
from servekit.errors import InvalidValueError
from tests.unit.planner.allen_cunneen import wait


@pytest.mark.parametrize(
    ("servers", "load", "expected"),
    # M/M/1: the utilisation; M/M/2: twice its square over one more than it; ten at eight erlangs: the tables' 0.409
    [(1, 0.7, 0.7), (2, 1.2, 2 * 0.36 / 1.6), (10, 8, 0.4092), (3, 0, 0)],
)
def test_erlang_c_gives_the_known_probabilities_of_waiting(servers: int, load: float, expected: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(expected, rel=1e-3)


def test_the_wait_of_m_m_1_is_exact() -> None:
    found = wait(1, 0.8, service_s=0.01, scv=1)
    assert found.mean_s == pytest.approx(0.8 / (1 - 0.8) * 0.01)
    assert found.quantile(0.99) == pytest.approx(0.05 * 4.382, rel=1e-3)  # ln(0.8/0.01) × 1/(μ-λ)


def test_constant_service_halves_the_wait_of_exponential_service() -> None:
    constant, exponential = (wait(1, 0.8, 0.01, scv).mean_s for scv in (0, 1))
    assert constant == pytest.approx(exponential / 2)  # Pollaczek and Khinchine


def test_a_quantile_below_the_share_that_never_waits_is_zero() -> None:
    assert wait(4, 1, 0.01, 1).quantile(0.5) == 0


def test_more_servers_at_the_same_utilisation_wait_less() -> None:
    waits = [wait(servers, 0.8 * servers, 0.01, 1).mean_s for servers in (1, 2, 4, 8)]
    assert waits == sorted(waits, reverse=True)


@pytest.mark.parametrize("load", [2, 3.5, -0.1])
def test_servers_that_cannot_keep_up_are_refused(load: float) -> None:
    with pytest.raises(InvalidValueError) as caught:
        erlang_c(2, load)
    assert str(caught.value) == f"load {load}: expected from 0 to below the number of servers, 2"


def test_no_servers_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"^servers 0: expected at least 1$"):
        erlang_c(0, 0)
