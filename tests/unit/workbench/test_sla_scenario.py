from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from servekit.errors import InvalidValueError
from workbench.sla.scenario import Zipf, load_scenario

if TYPE_CHECKING:
    from pathlib import Path


def test_zipf_draws_each_rank_as_often_as_its_law_says() -> None:
    zipf, random = Zipf(4, exponent=1.0), Random(7)
    drawn = Counter(zipf.rank(random) for _ in range(20_000))
    whole = 1 + 1 / 2 + 1 / 3 + 1 / 4
    for rank in range(4):
        assert drawn[rank] / 20_000 == pytest.approx(1 / (rank + 1) / whole, abs=0.015)


def test_zipf_with_exponent_0_is_uniform() -> None:
    zipf, random = Zipf(2, exponent=0), Random(7)
    assert sum(zipf.rank(random) for _ in range(10_000)) == pytest.approx(5000, abs=300)


@pytest.mark.parametrize(
    ("size", "exponent", "message"),
    [(0, 1.0, "Zipf size 0: expected at least 1"), (5, -1.0, "Zipf exponent -1.0: expected 0 or more")],
)
def test_an_impossible_zipf_is_refused(size: int, exponent: float, message: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        Zipf(size, exponent)
    assert str(refused.value) == message


def test_a_scenario_comes_from_a_file_beside_its_sla_or_from_a_module(tmp_path: Path) -> None:
    (tmp_path / "traffic.py").write_text("class Traffic:\n    name = 'from a file'\n", encoding="utf-8")
    assert vars(type(load_scenario("traffic.py:Traffic", tmp_path)))["name"] == "from a file"
    assert isinstance(load_scenario("random:Random", tmp_path), Random)


@pytest.mark.parametrize("reference", ["absent.py:Traffic", "no_such_module:Traffic", "random:NoSuchClass"])
def test_a_scenario_that_is_not_there_is_named(reference: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError) as refused:
        load_scenario(reference, tmp_path)
    assert str(refused.value).startswith(f"scenario {reference}: expected module:Class or file.py:Class (")


def test_what_a_scenario_lacks_is_passed_on(tmp_path: Path) -> None:
    source = "class Traffic:\n    def __init__(self):\n        raise OSError('golden.json: run make train-1')\n"
    (tmp_path / "traffic.py").write_text(source, encoding="utf-8")
    with pytest.raises(InvalidValueError) as refused:
        load_scenario("traffic.py:Traffic", tmp_path)
    assert str(refused.value) == "scenario traffic.py:Traffic: cannot start: golden.json: run make train-1"
