from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from course.design import DesignError, main, read_design

if TYPE_CHECKING:
    from pathlib import Path

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


def test_a_prompt_has_four_sections(tmp_path: Path) -> None:
    (tmp_path / "shop.md").write_text(TEXT)
    design = read_design(tmp_path / "shop.md")
    assert (design.id, design.title, design.sections["Prompt"]) == ("shop", "A shop", "Design it.")


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


def test_a_design_is_printed_with_its_rubric(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["iris-everywhere"]) == 0
    printed = capsys.readouterr().out
    assert printed.index("Prompt") < printed.index("Rubric") < printed.index("What the repository shows")
    assert main(["--seed", "1"]) == 0
    first = capsys.readouterr().out
    assert main(["--seed", "1"]) == 0
    assert capsys.readouterr().out == first
    assert main(["bridge"]) == 2
    known = "credit-decisions, iris-everywhere, shop-at-scale"
    assert capsys.readouterr().err == f"error: design bridge: expected one of {known}\n"
    terminal = io.StringIO("\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert main(["iris-everywhere"]) == 0
    assert "when you have drawn it" in capsys.readouterr().out
