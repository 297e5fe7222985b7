from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec
import pytest

from servekit.shares import wilson
from workbench import verdicts
from workbench.verdicts import Row, main, readme_table, rows_of
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def coins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that simulates two coins, the second of them a bad one."""
    module = ModuleType("coins")

    def characteristics(seed: int) -> Iterator[Row]:
        yield Row("coin", "fair", "heads", times=480 + seed % 2, runs=1000, at_least=0.45)
        yield Row("coin", "loaded", "heads", times=90, runs=100, at_most=0.6)

    module.__dict__["characteristics"] = characteristics
    monkeypatch.setitem(sys.modules, "coins", module)


@pytest.mark.parametrize(
    ("times", "runs", "low", "high"), [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)]
)
def test_wilsons_interval_is_that_of_the_literature(times: float, runs: float, low: float, high: float) -> None:
    assert wilson(times, runs) == pytest.approx((low, high), abs=1e-4)


def test_the_interval_of_no_runs_is_from_0_to_1() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.usefixtures("coins")
def test_a_row_knows_whether_it_is_as_good_as_its_design_asks_for() -> None:
    fair, loaded = rows_of("coins")
    assert (fair.as_designed, fair.wanted) == (True, "≥ 45 %")
    assert (loaded.as_designed, loaded.wanted) == (False, "≤ 60 %")


@pytest.mark.usefixtures("coins")
def test_the_table_goes_to_terminal_json_and_readme_and_a_bad_verdict_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme, output = tmp_path / "README.md", tmp_path / "out" / "verdicts.json"
    readme.write_text(f"before\n{verdicts._BEGIN}\nold\n{verdicts._END}\nafter\n")
    assert main(["coins", "--readme", str(readme), "--output", str(output)]) == 1
    printed = capsys.readouterr().out
    assert "✗ coin, loaded: heads 90 % (82.6 to 94.5), required ≤ 60 %" in printed
    rows = msgspec.convert(msgspec.json.decode(output.read_bytes())["rows"], list[Row])
    assert rows == rows_of("coins")
    assert readme.read_text() == f"before\n{verdicts._BEGIN}\n{readme_table(rows)}\n{verdicts._END}\nafter\n"


@pytest.mark.usefixtures("coins")
def test_a_readme_without_a_place_for_the_table_is_named(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing")
    with pytest.raises(SystemExit, match=r"README\.md: no place for the table, expected the lines"):
        main(["coins", "--readme", str(readme), "--output", str(tmp_path / "v.json")])


@pytest.mark.slow
def test_the_readmes_table_is_what_the_simulations_say() -> None:
    named = re.search(r"^VERDICTS := ((?:.|\\\n)*?[^\\])$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named
    rows = [row for module in named[1].replace("\\\n", " ").split() for row in rows_of(module)]
    assert [row for row in rows if not row.as_designed] == []
    assert readme_table(rows) in (ROOT / "README.md").read_text(encoding="utf-8")
