"""What the console keeps and shows: samples, panels, pictures, alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sampled_series import Memory
from workbench.console.alerts import AlertBoard
from workbench.console.charts import heat_options, line_options, series_of, summary
from workbench.console.exposition import read_exposition, read_labels
from workbench.console.history import History, Keeping
from workbench.console.level_file import Field, LevelFileError, read_level_file
from workbench.console.panels import Panel, PanelQuery, filled_in, legend, read_board
from workbench.console.picture import Flow, draw
from workbench.console.units import shown
from workbench.observe.promql import Alert, Evaluator, Grid
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.observe.promql import Labels

LEVEL_FILES = sorted(ROOT.glob("0*/console.toml"))
BOARDS = ["serving-overview", "level-1", "level-2", "level-3", "assistant"]
ONE = (("__name__", "one"),)
TIERS = (Keeping(1, 4, 20.0), Keeping(5, 4, 100.0))


def test_an_exposition_is_read_as_prometheus_reads_it() -> None:
    text = '# HELP a b\n# TYPE a counter\na 1\na{x="} 2",y="\\"q\\"\\n"} 3.5 1700000000000\nb_total +Inf\n'
    assert dict(read_exposition(text)) == {"a": 1.0, 'a{x="} 2",y="\\"q\\"\\n"}': 3.5, "b_total": float("inf")}
    assert read_labels('a{x="} 2",y="\\"q\\"\\n"}', job="j") == (
        ("__name__", "a"),
        ("job", "j"),
        ("x", "} 2"),
        ("y", '"q"\n'),
    )


def test_a_line_that_is_no_sample_is_named() -> None:
    with pytest.raises(ValueError, match="'<html>' is no sample"):
        dict(read_exposition("<html>\n"))


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=30))
def test_samples_come_back_bit_by_bit(values: list[float]) -> None:
    history = History(TIERS)
    place = history.enter("one", ONE)
    for time, value in enumerate(values):
        history.add(float(time), {place: value})
    (samples,) = history.select("one", [], max(0.0, len(values) - 20.0), 100.0, 1.0)
    np.testing.assert_array_equal(samples.values[0], values[-len(samples.times) :])


def test_old_samples_are_fewer_and_very_old_ones_are_gone() -> None:
    history = History(TIERS)
    place = history.enter("one", ONE)
    for time in range(300):
        history.add(float(time), {place: float(time)})
    (fine,) = history.select("one", [], 290.0, 299.0, 1.0)
    (coarse,) = history.select("one", [], 0.0, 299.0, 1.0)
    assert fine.times.tolist() == list(range(290, 300))
    assert set(np.diff(coarse.times)) == {5.0}
    assert 180.0 <= coarse.times[0] <= 200.0, "to a block"


def test_a_history_is_the_same_after_it_was_saved() -> None:
    history = History()
    places = [history.enter(f"one{{n={n}}}", (("__name__", "one"), ("n", str(n)))) for n in range(3)]
    for time in range(130):
        history.add(float(time), {place: float(time * place) for place in places[: 1 + time // 50]})
    again = History.loaded(history.dump())
    for moment in (history, again):
        moment.add(130.0, {places[0]: 1.0})
    (before,), (after,) = (each.select("one", [], 0.0, 130.0, 1.0) for each in (history, again))
    np.testing.assert_array_equal(before.values, after.values)
    assert before.labels == after.labels
    assert before.times.tolist() == after.times.tolist()


def test_few_samples_are_taken_where_few_will_do() -> None:
    history = History(TIERS)
    place = history.enter("one", ONE)
    for time in range(15):
        history.add(float(time), {place: 1.0})
    (samples,) = history.select("one", [], 0.0, 15.0, 6.0)
    assert samples.times.tolist() == [0.0, 5.0, 10.0]


def test_a_series_that_comes_later_is_absent_before() -> None:
    history = History(TIERS)
    first = history.enter("one", ONE)
    history.add(0.0, {first: 1.0})
    later = history.enter('one{x="2"}', (("__name__", "one"), ("x", "2")))
    for time in range(1, 6):
        history.add(float(time), {first: 1.0, later: 2.0})
    (samples,) = history.select("one", [], 0.0, 5.0, 1.0)
    assert np.isnan(samples.values[1, 0])
    assert samples.values[1, 1:].tolist() == [2.0] * 5


def test_a_day_of_three_levels_fits_into_200_megabytes() -> None:
    """A scrape of all three levels has 2,900 series; here half of them change. A day is as many blocks of each kind."""
    draw, history = np.random.default_rng(3), History()
    places = [history.enter(f"m{n % 40}{{n={n}}}", (("__name__", f"m{n % 40}"), ("n", str(n)))) for n in range(2_900)]
    value, changes = np.zeros(2_900), draw.random(2_900) < 0.5
    for time in range(600):
        value = value + changes * draw.poisson(30, 2_900)
        history.add(float(time), dict(zip(places, value.tolist(), strict=True)))
    (fine, middle, coarse) = history.block_sizes
    assert fine * 60 + middle * 36 + coarse * 24 < 200e6


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_of_a_dashboard_is_shown_under_its_title(name: str) -> None:
    board = read_board(name)
    panels = [panel for row in board.rows.values() for panel in row]
    assert panels
    for panel in panels:
        assert panel.title
        assert all(promql_parser.parse(filled_in(query.expression, 10.0)) for query in panel.queries)


@pytest.mark.parametrize("path", LEVEL_FILES, ids=lambda path: path.parent.name[:2])
def test_a_level_says_what_can_be_drawn(path: Path) -> None:
    level = read_level_file(path)
    for arrow in level.arrow:
        for expression in filter(None, (arrow.rate, arrow.p99, arrow.errors)):
            promql_parser.parse(filled_in(expression, 10.0, 1))
    svg = draw(level, {arrow: Flow(12.0, 0.2, 0.01) for arrow in level.arrow}, frozenset(level.box[1].processes))
    assert f"{level.box[1].title} is down" in svg
    assert "12/s, p99 200 ms, 1 % fail" in svg
    assert svg.count('class="arrow bad"') == len(level.arrow)


def test_what_runs_beside_a_level_is_drawn_only_where_it_runs() -> None:
    level = read_level_file(LEVEL_FILES[2])
    without, beside = level.with_beside({"envoy"}), level.with_beside({"envoy", "assistant"})
    flows = {arrow: Flow(None, None, None) for arrow in beside.arrow}
    assert without.box == level.box
    assert "assistant" not in draw(without, flows, frozenset())
    assert "Envoy to assistant: no data. assistant to engine: no data." in draw(beside, flows, frozenset())
    assert {box.at for box in beside.box if box not in level.box}.isdisjoint(box.at for box in level.box)
    for arrow in beside.arrow:
        for expression in filter(None, (arrow.rate, arrow.p99, arrow.errors)):
            promql_parser.parse(filled_in(expression, 10.0, 3))


def test_all_levels_say_it() -> None:
    assert len(LEVEL_FILES) == 3


def test_an_arrow_to_nowhere_is_named(tmp_path: Path) -> None:
    file = tmp_path / "console.toml"
    file.write_text(
        'title="t"\ndashboard="d"\n[[box]]\nid="a"\ntitle="a"\nat=[0,0]\n[[arrow]]\nfrom="a"\nto="b"\nrate="1"\n'
    )
    with pytest.raises(LevelFileError, match="arrow a to b: no box b"):
        read_level_file(file)


@pytest.mark.parametrize("value", ["x; rm -rf /", 101, 5.5, -1])
def test_a_value_that_is_not_offered_is_refused(value: str | float) -> None:
    with pytest.raises(ValueError, match=r"expected|could not convert"):
        Field("weight", "percent").checked(value)


def test_options_and_numbers_become_words() -> None:
    assert Field("model", "model", options=("a", "b")).checked("b") == "b"
    assert Field("weight", "percent").checked(20.0) == "20"
    with pytest.raises(ValueError, match="expected one of a, b"):
        Field("model", "model", options=("a", "b")).checked("c")


def test_a_series_is_named_by_its_pattern() -> None:
    assert legend("{{model}} {{version}}", {"model": "fraud", "version": "2"}) == "fraud 2"
    assert legend("", {"__name__": "x", "a": "b"}) == "b"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0042, "s", "4.2 ms"), (1.5, "s", "1.5 s"), (7_200.0, "s", "120 min"), (0.003, "percentunit", "0.3 %"),
        (103.4, "reqps", "103/s"), (1.2e9, "bytes", "1.2 GB"), (12.0, "bytes", "12 B"), (float("nan"), "s", "–"),
        (None, "s", "–"), (float("inf"), "short", "∞"), (12_345.0, "short", "12,345"),
    ],
)  # fmt: skip
def test_values_are_shown_with_their_units(value: float | None, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_a_chart_and_its_words_agree() -> None:
    panel = Panel("Rate", "A second.", "timeseries", "reqps", (PanelQuery("a", "{{x}}"),), 2.0, stacked=False, width=12)
    shown_twice: dict[Labels, list[float]] = {(("__name__", "a"), ("x", "up")): [1.0, 3.0]}
    memory = Memory(shown_twice, np.array([0.0, 1.0]))
    grid = Grid(0.0, 1.0, 2)
    series = series_of(panel, [Evaluator(memory).evaluate("a", grid)])
    options = line_options(panel, grid, series)
    assert options["series"][0]["data"] == [[0, 1.0], [1000, 3.0]]
    assert options["series"][0]["markLine"]["data"] == [{"yAxis": 2.0}]
    assert summary(panel, series) == "Rate: up 3/s, at most 3/s."


def test_a_heat_map_counts_what_lies_between_two_bounds() -> None:
    panel = Panel("Durations", "", "heatmap", "s", (PanelQuery("a", ""),), None, stacked=False, width=12)
    buckets: dict[Labels, list[float]] = {
        (("__name__", "a"), ("le", bound)): [count] for bound, count in {"0.1": 2.0, "1": 5.0, "+Inf": 5.0}.items()
    }
    frame = Evaluator(Memory(buckets, np.array([0.0]))).evaluate("a", Grid(0.0))
    options = heat_options(panel, Grid(0.0), frame)
    assert options["series"][0]["data"] == [[0, 0, 2.0], [0, 1, 3.0]]
    assert options["yAxis"]["data"] == ["≤ 100 ms", "≤ 1 s"]


def test_an_alert_is_pending_until_it_has_held_for_long_enough() -> None:
    held: dict[Labels, list[float]] = {(("__name__", "a"), ("x", "1")): [0.0, 5.0, 5.0, 5.0, 0.0]}
    memory = Memory(held, 10 * np.arange(5.0))
    rule = Alert(
        "TooMuch", "a > 1", 20.0, {"severity": "page"}, {"summary": '{{ $labels.x }} has {{ $value | printf "%.1f" }}'}
    )
    board, seen = AlertBoard([rule], Evaluator(memory)), []
    for time in 10 * np.arange(5.0):
        board.evaluate(float(time))
        seen.append([each.firing for each in board.raised])
        if time == 30.0:
            assert [each.summary for each in board.raised] == ["1 has 5"]
    assert seen == [[], [False], [False], [True], []]
    (samples,) = board.select("ALERTS", [lambda labels: labels["alertstate"] == "firing"], 0.0, 40.0, 1.0)
    assert samples.values[0, -2:].tolist()[0] == 1.0


def test_a_summary_names_the_container_where_there_is_one() -> None:
    held: dict[Labels, list[float]] = {
        (("__name__", "up"), ("job", "iris")): [0.0],
        (("__name__", "up"), ("container", "model"), ("job", "pod")): [0.0],
    }
    summary = "{{ with $labels.container }}{{ . }} of {{ end }}{{ $labels.job }} is down."
    board = AlertBoard([Alert("Down", "up == 0", 0.0, {}, {"summary": summary})], Evaluator(Memory(held, np.zeros(1))))
    board.evaluate(0.0)
    assert sorted(each.summary for each in board.raised) == ["iris is down.", "model of pod is down."]


def test_a_rule_that_cannot_be_evaluated_is_a_problem_and_no_silence() -> None:
    board = AlertBoard([Alert("Odd", "topk(1, a)", 0.0, {}, {})], Evaluator(Memory({}, np.array([]))))
    board.evaluate(0.0)
    assert board.problems == ["Odd: topk: not evaluated here; there are avg, count, group, max, min, sum"]
