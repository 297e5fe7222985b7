from __future__ import annotations

import math

import pytest
from rich.console import Console

from workbench.hardware import hardware_stamp
from workbench.sla.capacity import CapacityResult, Probe, Search
from workbench.sla.capacity_report import capacity_line, print_capacity, render_capacity
from workbench.sla.settings import Capacity, Thresholds

SETTINGS = Capacity(max_rps=5000, precision=0.05, repeats=3)


def server(capacity_rps: float, hiccups: tuple[int, ...] = ()) -> Search:
    """A search of a server that meets its SLA up to a rate, save in the probes that the machine spoils."""
    tried: list[float] = []

    def probe(rate_rps: float) -> Probe:
        tried.append(rate_rps)
        met = rate_rps <= capacity_rps and len(tried) not in hiccups
        return Probe(rate_rps=rate_rps, goodput_rps=rate_rps, p99_ms=10, verdict="met" if met else "broken")

    return Search(SETTINGS, probe)


@pytest.mark.parametrize("capacity_rps", [130, 1000, 2750])
def test_the_bracket_closes_around_the_capacity_and_the_answer_is_confirmed(capacity_rps: float) -> None:
    search = server(capacity_rps)
    search.run(100)
    assert search.low <= capacity_rps < search.high <= search.low * 1.06
    assert len(search.passes_at(search.low)) == 3


def test_a_start_that_is_too_high_is_halved() -> None:
    search = server(70)
    search.run(400)
    assert 65 < search.low <= 70


def test_one_hiccup_of_the_machine_does_not_end_the_doubling() -> None:
    search = server(1000, hiccups=(2,))
    search.run(100)
    assert search.low > 940


def test_a_rate_that_does_not_hold_is_lowered_until_one_does() -> None:
    clean = server(1000)
    clean.run(100)
    spoiled = len(clean.probes)  # the last confirmation, twice
    search = server(1000, hiccups=tuple(range(spoiled, spoiled + 4)))
    search.run(100)
    assert search.low == pytest.approx(clean.low / 1.05, abs=0.1)
    assert len(search.passes_at(search.low)) == 3


def test_what_failed_is_above_the_capacity_even_where_the_confirmation_stumbled() -> None:
    clean = server(1000)
    clean.run(100)
    last = len(clean.probes)  # the last two confirmations are spoiled, and three more hold
    search = server(1000, hiccups=(last - 1, last))
    search.run(100)
    assert search.low == clean.low
    assert {probe.rate_rps for probe in search.failed} == {clean.failed[0].rate_rps}
    assert search.failed[0].rate_rps > 1000


def test_the_search_ends_at_the_highest_rate_allowed() -> None:
    search = server(math.inf)
    search.run(100)
    assert (search.low, search.high, search.failed) == (5000, math.inf, [])


def test_a_server_that_meets_nothing_has_no_capacity() -> None:
    search = server(0)
    search.run(100)
    assert search.low == 0


def result(**changes: object) -> CapacityResult:
    probes = [
        Probe(rate_rps=100, achieved_rps=100, goodput_rps=99, p50_ms=1.2, p99_ms=4.4, verdict="met"),
        Probe(rate_rps=200, achieved_rps=180, goodput_rps=20, p50_ms=1200, p99_ms=4400, verdict="broken"),
        Probe(rate_rps=400, verdict="invalid", generator_saturated=True, noisy=True),
    ]
    values: dict[str, object] = {
        "level": 1, "capacity_rps": 100.0, "failed_rps": 200.0, "limit": "server", "confirmations": 1,
        "goodput_rps": 99.0, "p99_ms": 4.4, "requests": 1500, "slow": 12,
        "thresholds": Thresholds(p99_ms=50), "mix": {"single": 1.0},
        "target": "http://127.0.0.1:8100", "workers": 1, "probes": probes, "hardware": hardware_stamp(),
        "date": "2026-01-01", "command": "make capacity-1",
    }  # fmt: skip
    return CapacityResult(**{**values, **changes})  # type: ignore[arg-type]


def test_the_page_and_the_table_show_every_probe() -> None:
    console = Console(record=True, width=100)
    print_capacity(console, result())
    page, text = render_capacity(result()), console.export_text()
    assert page.count('<svg class="chart"') == 2
    assert "1 of 3 probes on a noisy machine" in page
    assert "failed at 200/s" in page
    assert "capacity: 100 requests/s within the SLA; above it the server breaks its SLA" in text
    assert "1,200" in text
    assert "12 of 1,500 requests slower than 50 ms" in page
    assert "12 of 1,500 requests slower than 50 ms" in text


def test_a_generator_that_cannot_send_more_is_said_to_be_the_limit() -> None:
    said = capacity_line(result(limit="generator"))
    assert said.endswith("the load generator is the limit, not the server: its capacity is at least this")


def test_a_search_without_probes_still_has_a_page() -> None:
    assert "<svg" not in render_capacity(result(probes=[], limit="interrupted", capacity_rps=0.0))
