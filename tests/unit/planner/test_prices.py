from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from planner.prices import PRICES, NetworkTraffic, Prices, bill, load_prices
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path


def test_every_price_has_a_source_and_the_month_in_which_somebody_looked(prices: Prices) -> None:
    entries = (prices.node, prices.gpu_node, prices.valkey_node, prices.cluster, prices.cross_zone, prices.egress)
    for entry in entries:
        assert entry.source.startswith("https://")
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", entry.as_of)
    assert prices.oldest == min(entry.as_of for entry in entries)


def test_the_file_says_that_prices_are_to_be_checked_and_how_to_update_them() -> None:
    text = PRICES.read_text(encoding="utf-8")
    assert "check them before you decide" in text.replace("\n# ", " ")
    assert "How to update:" in text


def test_a_bill_adds_up(prices: Prices) -> None:
    found = bill(prices, 1000, {"node": 10, "gpu_node": 0, "valkey_node": 2}, NetworkTraffic(2.0, 1.0, 4.0, 2.0))
    assert found.per_hour[prices.node.name] == pytest.approx(10 * prices.node.per_hour, abs=0.01)
    assert found.per_hour[prices.cross_zone.name] == pytest.approx(0.25 * 3600 * prices.cross_zone.per_gb)
    assert prices.gpu_node.name not in found.per_hour
    assert found.per_million == pytest.approx(found.total_per_hour / 3.6, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("as_of", "seen"), "Object contains unknown field `seen`"),
        (('"2025-01"', '"lately"'), "Expected `str` matching regex"),
        (("per_hour = 0.4032", "per_hour = -1.0"), "Expected `float` >= 0.0"),
    ],
)
def test_a_price_list_that_lacks_something_is_refused(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(InvalidValueError, match=r"^prices ") as caught:
        load_prices(path)
    assert expected in str(caught.value.expectation)


def test_a_price_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"no such file, expected a price list$"):
        load_prices(tmp_path / "none.toml")
