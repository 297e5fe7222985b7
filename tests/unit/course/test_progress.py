"""``make progress``: a row for each level and for each kind of practice, and what comes next."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from course.drill.bank import read_bank
from course.drill.memory import Recall
from course.exercises.__main__ import main as exercises
from course.progress.__main__ import main
from tests.small_course import RIGHT, write_course

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return write_course(tmp_path)


@pytest.fixture
def progress(level: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    def printed() -> str:
        assert level.exists()
        capsys.readouterr()
        assert main() == 0
        return capsys.readouterr().out

    return printed


def write(file: str, content: object) -> None:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_bytes(msgspec.json.encode(content))


def sla(verdict: str) -> None:
    write(".run/sla/7.json", {"verdict": verdict, "p99_ms": 4.21, "rate_rps": 100.0})


def test_progress_leads_from_the_first_exercise_over_the_promise_to_the_exam(
    level: Path, progress: Callable[[], str]
) -> None:
    printed = progress()
    assert "0/2" in printed
    assert "not measured" in printed
    assert "exercise 7.1, Double: make learn" in printed
    (level / "double.py").write_text(RIGHT)
    (level / "patch" / "patch.yaml").write_text("patched")
    exercises(["grade", str(level)])
    printed = progress()
    assert "make up-7 sla-7" in printed
    assert " B " in printed
    sla("broken")
    assert "make up-7 sla-7" in progress()
    sla("too_close")
    printed = progress()
    assert "too close, p99 4.2 ms at 100/s" in printed
    assert "make up-7 sla-7" in printed
    sla("met")
    printed = progress()
    assert "met, p99 4.2 ms at 100/s" in printed
    assert " A " in printed
    assert "make exam-7" in printed
    write(".run/exam/7.json", {"points": 79, "of": 100, "date": "2026-11-29T09:00:00+00:00"})
    assert "make exam-7" in progress()
    write(".run/exam/7.json", {"points": 80, "of": 100, "date": "2026-11-29T09:00:00+00:00"})
    printed = progress()
    assert "80/100" in printed
    assert "done" in printed


def test_each_practice_says_how_much_is_done_and_how_well(level: Path, progress: Callable[[], str]) -> None:
    for kind, folder in (("incidents", "incidents"), ("designs", "design")):
        (Path("interview") / folder).mkdir(parents=True)
        for name in ("a", "b", "c"):
            (Path("interview") / folder / f"{name}.md").touch()
        write(f".learn/{kind}.json", [{"id": "a", "score": score, "date": ""} for score in (40, 90, 70)])
    now = datetime(2026, 11, 1, tzinfo=UTC)
    recall = Recall(now, asked=2, grade=2, share=0.75, state=2, step=None, stability=1, difficulty=5, last_review=now)
    write(".learn/drill.json", {"questions": {read_bank()[0].id: recall}})
    rows = {words[0]: words[1:] for line in progress().splitlines() if (words := line.split())}
    assert rows["incidents"] == ["1", "of", "3", "90", "make", "incident"]
    assert rows["designs"] == ["1", "of", "3", "90", "make", "design"]
    assert rows["questions"][3:] == ["75", "1", "due:", "make", "drill"]
    assert rows["questions"][0] == "1"
    assert level.exists()


def test_results_that_cannot_be_read_count_as_none(progress: Callable[[], str]) -> None:
    for file in (".run/sla/7.json", ".run/exam/7.json", ".learn/incidents.json", ".learn/designs.json"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text("{")
    assert "not measured" in progress()


def test_a_damaged_memory_is_named(level: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(".learn").mkdir()
    Path(".learn/drill.json").write_text("{")
    assert main() == 2
    assert "error: .learn/drill.json: " in capsys.readouterr().err
    assert level.exists()
