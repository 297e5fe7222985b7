"""What this machine has, what each level needs of it, and what is missing: ``python -m servekit.doctor``."""

from __future__ import annotations

from servekit.doctor.report import main

__all__ = ["main"]
