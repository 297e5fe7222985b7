from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from workbench.sla.chart import HALF, WIDE, Mark, Series, line_chart, linear, logarithmic


def test_a_linear_axis_has_round_ticks_and_reaches_the_highest_value() -> None:
    axis = linear(87, "/s")
    assert [label for _, label in axis.ticks] == ["0", "50", "100"]
    assert axis.place(50) == 0.5


def test_an_exact_axis_ends_where_the_data_ends() -> None:
    axis = linear(12, "seconds", exact=True)
    assert [value for value, _ in axis.ticks] == [0, 5, 10]
    assert axis.place(12) == 1


def test_an_axis_of_nothing_still_has_a_scale() -> None:
    assert linear(0, "").place(0) == 0


def test_a_logarithmic_axis_places_decades_evenly() -> None:
    axis = logarithmic(1.2, 80, "ms")
    assert [label for _, label in axis.ticks] == ["1", "2", "5", "10", "20", "50", "100"]
    assert axis.place(10) == pytest.approx(0.5)
    assert axis.place(0) == 0


def test_three_decades_or_more_are_labelled_by_powers_of_ten() -> None:
    assert [label for _, label in logarithmic(0.1, 3000, "ms").ticks] == ["0.1", "1", "10", "100", "1000"]


@pytest.mark.parametrize("width", [HALF, WIDE])
def test_a_chart_is_well_formed_and_inside_its_box(width: int) -> None:
    points = [(0.0, 1.0), (5.0, 1000.0), (10.0, 30.0)]
    series = Series("p99", points, ["a < b", "the & peak", "end"], dots=True)
    chart = line_chart(
        "p99 & rate", linear(10, "seconds"), logarithmic(1, 100, "ms"), [series], marks=[Mark(50, "50")], width=width
    )
    root = ET.fromstring(chart)  # noqa: S314 - our own output
    assert root.attrib["aria-label"] == "p99 & rate"
    heights = [float(circle.attrib["cy"]) for circle in root.iter("circle")]
    assert min(heights) >= 0  # a value above the axis is drawn at its end
    assert [title.text for title in root.iter("title")] == ["a < b", "the & peak", "end"]


def test_a_series_without_points_draws_no_line() -> None:
    chart = line_chart("nothing", linear(1, ""), linear(1, ""), [Series("none", [])])
    assert "<path" not in chart
