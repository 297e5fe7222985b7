"""Exercises: a stub to complete, checks that anyone may read, and a runner that survives what learners write.

A level's folder ``exercises/`` holds ``exercises.toml`` (order, titles, points, hints), the stubs, ``checks/NAME.py``
for each of them and ``solutions/`` with the same names. A check is a function ``check_<what_holds>(answer: Path)`` that
gets the learner's file or folder and returns when it is content::

    def check_a_missing_feature_is_named(answer: Path) -> None:
        refuse = load(answer).refuse
        expect_equal("the status of {}", refuse(b"{}")[0], 422)

``python -m course.exercises grade FOLDER`` runs them, each in a process of its own.
"""

from __future__ import annotations

from course.exercises.check import CheckFailedError, expect, expect_equal, load

__all__ = ["CheckFailedError", "expect", "expect_equal", "load"]
