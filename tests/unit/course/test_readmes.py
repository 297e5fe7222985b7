from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from course.readmes import Step, matches, read_steps, run

if TYPE_CHECKING:
    from pathlib import Path

README = """
Text.

```console
$ echo one
one
$ printf 'two\\n' |
> tr t T
Two
```

<!-- not run by the README tests: it takes an hour -->
```console
$ sleep 3600
```

```bash
not a lesson
```
"""


def test_commands_are_read_with_their_output_and_line() -> None:
    first, second, third = read_steps(README)
    assert (first.command, first.output, first.line) == ("echo one", "one", 5)
    assert (second.command, second.output) == ("printf 'two\\n' |\ntr t T", "Two")
    assert third.skipped == "it takes an hour"


def test_output_before_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2: 'one' stands before the block's first command"):
        read_steps("```console\none\n```")


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("anything", ""),
        ("ready in 1.3 s\n", "ready in … s"),
        ("a  b", "a b"),
        ("first\nsecond\nthird\nlast", "first\n…\nlast"),
        ("first\nlast", "first\n…\nlast"),
        ("first\nsecond", "…\nsecond"),
        ("first\nsecond", "first\n…"),
        ("a.b", "a.b"),
    ],
)
def test_output_that_matches_its_pattern_passes(printed: str, expected: str) -> None:
    assert matches(printed, expected)


@pytest.mark.parametrize(
    ("printed", "expected"), [("two", "one"), ("axb", "a.b"), ("one\ntwo", "one"), ("", "one"), ("lost", "first\n…")]
)
def test_output_that_differs_from_its_pattern_fails(printed: str, expected: str) -> None:
    assert not matches(printed, expected)


def test_a_step_runs_and_its_output_is_checked(tmp_path: Path) -> None:
    first, second, _ = read_steps(README)
    assert run(first, tmp_path, os.environ) == "one\n"
    assert run(second, tmp_path, os.environ) == "Two\n"


def test_a_wrong_output_shows_both(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the README says\ntwo\nit printed\none"):
        run(Step("echo one", "two", 1), tmp_path, os.environ)


def test_a_failing_command_shows_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="exit code 3\nbroken"):
        run(Step("echo broken >&2; exit 3", "", 1), tmp_path, os.environ)
