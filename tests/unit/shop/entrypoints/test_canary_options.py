"""What is no share and no walk is refused before anything is shifted."""

from __future__ import annotations

import pytest

from shop.commands import canary


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--margin", "1", "1: expected a number above 0 and below 1"),
        ("--margin", "0", "0: expected a number above 0"),
        ("--risk", "nan", "nan: expected a number above 0"),
        ("--patience", "0", "0: expected a number above 0"),
        ("--steps", "100", "steps 100: expected percentages that rise, the first below 100"),
        ("--steps", "5,101", "steps 5,101: expected percentages that rise, the first below 100, the last at most 100"),
    ],
)
def test_what_cannot_be_walked_is_said(
    option: str, value: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        canary.main(["ranking", "--auto", option, value])
    assert f"argument {option}: {problem}" in capsys.readouterr().err
