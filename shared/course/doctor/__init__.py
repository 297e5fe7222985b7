"""``python -m course.doctor`` compares what this machine has with what each level needs, and names the remedies."""

from __future__ import annotations

from course.doctor.report import main

__all__ = ["main"]
