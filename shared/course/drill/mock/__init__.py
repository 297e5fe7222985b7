"""The mock interview: a warm-up, one of the classics in stages, and a written report."""

from __future__ import annotations

from course.drill.mock.classics import Classic, Stage, read_classics
from course.drill.mock.interview import Interview
from course.drill.mock.report import write_report

__all__ = ["Classic", "Interview", "Stage", "read_classics", "write_report"]
