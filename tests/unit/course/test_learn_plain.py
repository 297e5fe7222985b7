"""``make learn`` line by line, as it runs where there is no full terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.patience import GENEROUS_S, until
from tests.small_course import RIGHT, write_course

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Conversation:
    """A learner at the prompt of a process of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._said = folder / "said.txt"
        with self._said.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "course.learn"],
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self, text: str, times: int = 1) -> str:
        until(lambda: self._said.read_text().count(text) >= times, f"{text!r} is said")
        return self._said.read_text()


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Conversation]:
    write_course(tmp_path)
    conversation = Conversation(tmp_path, COLUMNS="200")
    yield conversation
    conversation.process.kill()
    conversation.process.communicate()


def test_a_save_is_checked_and_the_solution_follows_a_pass(learner: Conversation, tmp_path: Path) -> None:
    learner.hear("0 of 2 solved, 0 of 20 points; next: 7.1")
    learner.say("c")
    learner.hear("not written yet: double (line")
    work = tmp_path / ".learn" / "7" / "double.py"
    learner.hear(".learn/7/double.py")
    work.write_text("def double(x):\n    return 2 * x if x == 2 else x\n")
    learner.hear("double('a') 'a': expected 'aa'")
    saved = tmp_path / "editor-writes-beside.py"
    saved.write_text(RIGHT)
    saved.replace(work)  # as many editors do
    said = learner.hear("c goes on with the next exercise")
    assert "✓ all 2 checks pass: 10 points" in said
    assert "a sum works for words too" in said
    assert "07-level/real.py:2" in said
    learner.say("c")
    learner.hear("7.2 · Patch")
    (tmp_path / ".learn" / "7" / "patch" / "patch.yaml").write_text("patched")
    learner.hear("✓ all 1 checks pass: 10 points")
    learner.say("l")
    learner.hear("2 of 2 solved, 20 of 20 points")
    learner.say("q")
    assert learner.process.wait(GENEROUS_S) == 0


def test_hints_solution_and_reset_are_about_the_open_exercise_or_a_named_one(
    learner: Conversation, tmp_path: Path
) -> None:
    learner.say("h")
    learner.hear("no exercise is open: say which one, such as h 1.3")
    learner.say("h 7.2")
    learner.hear("hint 1 of 3: a")
    learner.say("7.1")
    learner.hear("not written yet: double (line")
    learner.say("h")
    learner.hear("hint 1 of 3: think of two")
    learner.say("s")
    assert "return x + x" not in learner.hear("s again shows the solution")
    learner.say("h")  # something else in between: it has to be asked twice again
    learner.say("s")
    assert "return x + x" not in learner.hear("s again shows the solution", times=2)
    learner.say("s")
    learner.hear("return x + x")
    work = tmp_path / ".learn" / "7" / "double.py"
    work.write_text("def double(x):\n    return 1\n")
    learner.hear("double(2) 1: expected 4")
    learner.say("r")
    learner.hear("your work is kept in .learn/backups/7.1-")
    learner.hear("not written yet: double (line", times=2)  # what is there now was checked, too
    learner.say("9.9")
    learner.hear("exercise 9.9: expected one of 7.1, 7.2")


def test_piped_it_does_what_the_lines_say_and_ends(tmp_path: Path) -> None:
    write_course(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "course.learn"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "80", "TERM": "dumb"},
        input="7.1\nh\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "not written yet: double (line" in done.stdout
    assert done.stdout.rstrip().endswith("hint 1 of 3: think of two")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert not done.stderr
