from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from course.design import DesignError, read_design, read_designs
from course.design.__main__ import main
from course.design.day import unit_of
from course.design.results import keep_score, open_design, read_scores
from workbench.versions import ROOT

TEXT = """\
# shop · A shop

Level 1 · 45 minutes

## Prompt

Design it.

## Ask before you draw

- Why?

## Rubric

| criterion | points |
|---|---|
| all | 60 |
| more | 40 |

## What the repository shows

Everything.
"""
TASK = "credit-decisions"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    terminal = io.StringIO(typed)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)


def in_eighty_columns(*words: str) -> str:
    """What a plain terminal of 80 columns shows of ``make design``."""
    variables = {"COLUMNS": "80", "TERM": "dumb", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "course.design", *words],
        env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def test_a_prompt_has_four_sections(tmp_path: Path) -> None:
    (tmp_path / "shop.md").write_text(TEXT)
    design = read_design(tmp_path / "shop.md")
    assert (design.id, design.title, design.sections["Prompt"]) == ("shop", "A shop", "Design it.")
    assert (design.level, design.minutes) == (1, 45)
    assert list(read_designs(tmp_path)) == ["shop"]


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("# shop ·", "# barn ·", r"expected '# shop · TITLE', then 'Level N · M minutes'"),
        ("## Rubric", "## Marks", r"sections Prompt, Ask before you draw, Marks, .*: expected Prompt"),
        ("| 40 |", "| 41 |", r"rubric 101 points: expected 100"),
    ],
)
def test_a_prompt_of_another_form_is_refused(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    (tmp_path / "shop.md").write_text(TEXT.replace(right, wrong))
    with pytest.raises(DesignError, match=message):
        read_design(tmp_path / "shop.md")


def test_without_a_name_all_are_listed_with_the_best_score_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    keep_score(TASK, 71.5)
    keep_score(TASK, 60.0)
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"{TASK} .* 1 +45 +71\.5", printed)
    assert all(name in printed for name in read_designs())
    assert "Choose one: make design ID=iris-everywhere" in printed


def test_at_first_a_starter_is_laid_out_and_what_comes_next_is_said(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([TASK]) == 0
    printed = capfd.readouterr().out
    parts = ("Prompt", "Ask before", "promise", "Next:", "Rubric", "What the repository")
    places = [printed.index(words) for words in parts]
    assert places == sorted(places)
    file = tmp_path / ".learn" / "designs" / f"{TASK}.toml"
    assert file.read_text() == (ROOT / "interview/design/starter.toml").read_text()
    assert not (tmp_path / ".learn" / "designs.json").exists()


def test_a_task_that_counts_tokens_has_a_starter_of_its_own(tmp_path: Path) -> None:
    assert (unit_of("shop-assistant"), unit_of(TASK)) == ("tokens", "requests")
    assert open_design("shop-assistant", unit_of("shop-assistant"))
    file = tmp_path / ".learn/designs/shop-assistant.toml"
    assert file.read_text() == (ROOT / "interview/design/starter-tokens.toml").read_text()
    with pytest.raises(DesignError, match=r"bridge.toml: .*: expected the requirements of a task"):
        unit_of("bridge")


@pytest.mark.slow
def test_a_design_of_the_assistant_is_scored_and_its_day_drawn(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / ".learn" / "designs" / "shop-assistant.toml"
    file.parent.mkdir(parents=True)
    file.write_text((ROOT / "interview/design/references/shop-assistant.toml").read_text())
    assert main(["shop-assistant"]) == 0
    printed = capfd.readouterr().out
    assert "the abused key" in printed
    assert "make calibrate-assistant" in printed
    (kept,) = read_scores()
    assert kept.score > 90
    assert (tmp_path / ".run/design/shop-assistant.svg").read_text().startswith("<svg ")


def test_a_refused_design_says_why_and_what_to_do_and_is_not_scored(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = Path(".learn/designs") / f"{TASK}.toml"
    file.parent.mkdir(parents=True)
    file.write_text((ROOT / "interview/design/starter.toml").read_text().replace("replicas = 2 ", "replicas = 0 "))
    assert main([TASK]) == 2
    shown = capfd.readouterr()
    assert "refused: design .learn/designs/credit-decisions.toml: Expected `int` >= 1" in shown.err
    assert f"Change {file}, then run make design ID={TASK} again." in shown.out
    assert "Rubric" not in shown.out
    assert read_scores() == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [".learn"]


@pytest.mark.slow
def test_a_design_is_scored_and_the_score_is_kept(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / ".learn" / "designs" / f"{TASK}.toml"
    file.parent.mkdir(parents=True)
    file.write_text((ROOT / "interview/design/references" / f"{TASK}.toml").read_text())
    assert main([TASK]) == 0
    printed = capfd.readouterr().out
    assert re.search(r"score +100 +100 +100", printed)
    assert "the loss of a zone" in printed
    assert f"references/{TASK}.toml" in printed
    assert printed.index("score ") < printed.index("Rubric")
    (kept,) = json.loads((tmp_path / ".learn" / "designs.json").read_text())
    assert (kept["id"], kept["score"]) == (TASK, 100.0)
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\Z", kept["date"])
    assert json.loads((tmp_path / ".run/design" / f"{TASK}.json").read_text())["score"] == 100.0
    assert (tmp_path / ".run/design" / f"{TASK}.svg").read_text().startswith("<svg ")


@pytest.mark.slow
def test_in_a_plain_terminal_of_eighty_columns_nothing_is_wider_and_what_broke_first_is_said() -> None:
    shown = [in_eighty_columns(), in_eighty_columns(TASK), in_eighty_columns(TASK)]
    assert max(len(line) for text in shown for line in text.splitlines()) <= 80
    assert "\x1b" not in "".join(shown)
    assert re.search(r"What broke first: at \d\d:\d\d:\d\d", shown[2])
    assert re.search(r"^Why: ", shown[2], re.MULTILINE)
    assert re.search(r"^Try: ", shown[2], re.MULTILINE)


def test_a_task_is_chosen_by_a_seed_and_one_that_does_not_exist_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "1"]) == 0
    first = capfd.readouterr().out.splitlines()[0]
    Path(".learn").rename("elsewhere")
    assert main(["--seed", "1"]) == 0
    assert capfd.readouterr().out.splitlines()[0] == first
    assert main(["bridge"]) == 2
    assert capfd.readouterr().err == f"error: design bridge: expected one of {', '.join(read_designs())}\n"


def test_at_a_terminal_the_rubric_waits_for_enter_and_control_d_leaves_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    at_a_terminal(monkeypatch, "\n")
    assert main([TASK]) == 0
    printed = capfd.readouterr().out
    assert printed.index("when you have drawn it") < printed.index("Rubric")
    Path(".learn").rename("elsewhere")
    at_a_terminal(monkeypatch, "")
    assert main([TASK]) == 0
    assert "Rubric" not in capfd.readouterr().out


def test_scores_that_cannot_be_read_are_left_as_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    Path(".learn").mkdir()
    scores = Path(".learn/designs.json")
    scores.write_text("{")
    for words in ([], [TASK]):
        assert main(words) == 2
        assert "error: .learn/designs.json: " in capfd.readouterr().err
    assert scores.read_text() == "{"


def test_a_folder_that_cannot_be_written_is_an_error_with_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    Path(".learn").write_text("a file where a folder should be")
    assert main([TASK]) == 2
    assert "error: " in capfd.readouterr().err
