"""A course of one level with two exercises, a file and a folder, for tests of what works on exercises."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RIGHT = "def double(x):\n    return x + x\n"

_CHECKS = """
from course.exercises import expect_equal, load

def check_it_doubles(answer):
    expect_equal("double(2)", load(answer).double(2), 4)

def check_it_doubles_words(answer):
    expect_equal("double('a')", load(answer).double("a"), "aa")
"""
_PATCHED = """
from course.exercises import expect_equal

def check_it_is_patched(answer):
    expect_equal("the patch", (answer / "patch.yaml").read_text(), "patched")
"""
DOUBLE = """
level = 7
[[exercise]]
id = "1"
file = "double.py"
title = "Double"
points = 10
minutes = 3
skill = "to double"
hints = ["think of two", "look at +", "x + x"]
why = "a sum works for words too"
real = {file = "07-level/real.py", text = "return x + x"}
"""
"""The first exercise, and what comes before it."""

_TOML = (
    DOUBLE
    + """
[[exercise]]
id = "2"
file = "patch"
title = "Patch"
points = 10
minutes = 3
skill = "to patch"
hints = ["a", "b", "c"]
why = "because"
real = {file = "07-level/real.py", text = "return x + x"}
"""
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def write_course(root: Path) -> Path:
    """Writes the course below `root` and returns the folder of its exercises."""
    exercises = root / "07-level" / "exercises"
    texts = {
        "exercises.toml": _TOML,
        "checks/double.py": _CHECKS,
        "checks/patch.py": _PATCHED,
        "double.py": "def double(x):\n    raise NotImplementedError\n",
        "solutions/double.py": RIGHT,
        "patch/patch.yaml": "open",
        "patch/kustomization.yaml": "resources:\n  - base\n  - ../../deploy/base\n",
        "patch/base/notes.txt": "given",
        "solutions/patch/patch.yaml": "patched",
        "../real.py": RIGHT,
        "../deploy/base/notes.txt": "given",
    }
    for name, text in texts.items():
        path = (exercises / name) if not name.startswith("..") else exercises.parent / name.removeprefix("../")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return exercises
