"""The course's first minutes, as its README tells them: `make learn`, red, an answer, green."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from course.readmes import Step, read_steps, run
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LEVEL = "01-beginner-iris-api"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a learner whose folder has the levels, but whose work lies in a temporary one."""
    for level in ROOT.glob("0*"):
        (tmp_path / level.name).symlink_to(level)
    (tmp_path / "shared").symlink_to(ROOT / "shared")
    return {**os.environ, "COLUMNS": "100", "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT / LEVEL}"}


def test_the_readme_prints_what_the_first_exercise_says(tmp_path: Path, environment: dict[str, str]) -> None:
    (step,) = [step for step in read_steps((ROOT / LEVEL / "exercises/README.md").read_text()) if step.skipped]
    assert "make learn" in step.command
    command = step.command.replace("make learn", f"{shlex.quote(sys.executable)} -m course.learn")
    run(Step(command, step.output, step.line), tmp_path, environment)
    work = tmp_path / ".learn/1/ex0_loop.py"
    assert work.read_text() == (ROOT / LEVEL / "exercises/ex0_loop.py").read_text()
    work.write_text((ROOT / LEVEL / "exercises/solutions/ex0_loop.py").read_text())
    printed = run(Step(command, "", 0), tmp_path, environment)
    assert "✓ all 4 checks pass: 5 points" in printed
    assert "Why so. Availability blames the server only for its own failures" in printed
    assert "The real system does it here: shared/workbench/sla/judge.py:" in printed


@pytest.mark.parametrize(("target", "module"), [("learn", "learn"), ("hint", "learn hint"), ("reset", "learn reset")])
def test_make_runs_it_with_no_more_than_level_1s_model(target: str, module: str) -> None:
    planned = ["make", "-n", target, "E=1.0"]
    done = subprocess.run(planned, cwd=ROOT, capture_output=True, text=True, check=True)
    last = done.stdout.rstrip().splitlines()[-1]
    assert f"-m course.{module}" in last
    assert "recommender.commands.train" not in done.stdout
    assert "shop.commands.train" not in done.stdout
