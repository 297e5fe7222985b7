"""What this machine has, what each level needs of it, and what is missing: ``python -m course.doctor``."""

from __future__ import annotations

from course.doctor.report import main

__all__ = ["main"]
