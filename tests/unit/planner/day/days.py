"""Runs a day for a task's reference design, or for that with something changed."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from course.design.day import unit_of
from planner.calibration import REFERENCE, load
from planner.day.fleet_design import FleetDesign, load_design
from planner.day.requirements import DayRequirements, load_instances, load_requirements
from planner.day.verdict import DayVerdict, judge_day
from planner.day.whole_day import DayRun, DaySetting, run_day
from planner.prices import load_prices
from workbench.versions import ROOT

if TYPE_CHECKING:
    from planner.day.points import DesignVerdict

__all__ = ["FOLDER", "TASKS", "changed", "needs", "points", "reference", "run", "verdict"]

FOLDER = ROOT / "interview" / "design"
TASKS = sorted(path.stem for path in FOLDER.glob("*.md") if unit_of(path.stem) == "requests")
_INSTANCES = load_instances()
_PRICES = load_prices()
_CALIBRATION, _ = load([REFERENCE])


@cache
def needs(task: str) -> DayRequirements:
    """The requirements of a task."""
    return load_requirements(FOLDER / f"{task}.toml")


def reference(task: str) -> FleetDesign:
    """The reference design of a task."""
    return load_design(FOLDER / "references" / f"{task}.toml", needs(task), _INSTANCES, _PRICES.valkey_node)


def changed(task: str, changes: dict[str, Any]) -> FleetDesign:
    """The reference design with other values, by names such as ``servers.cores``."""
    document = tomllib.loads((FOLDER / "references" / f"{task}.toml").read_text())
    for name, value in changes.items():
        part, _, field = name.rpartition(".")
        (document.setdefault(part, {}) if part else document)[field] = value
    return msgspec.convert(document, FleetDesign)


def run(task: str, design: FleetDesign, seed: int = 1) -> DayRun:
    """A design's day."""
    return run_day(design, DaySetting(needs(task), _CALIBRATION, _PRICES, _INSTANCES), seed)


@cache
def _reference_day(task: str, seed: int) -> DayRun:
    return run(task, reference(task), seed)


def verdict(task: str, changes: dict[str, Any] | None = None, seed: int = 1) -> DayVerdict:
    """The verdict on the reference, or on it with other values."""
    design = changed(task, changes or {})
    day = run(task, design, seed) if changes else _reference_day(task, seed)
    return judge_day(design, needs(task), day, reference(task), _reference_day(task, seed))


def points(found: DesignVerdict) -> dict[str, float]:
    """The share of its points that each criterion kept, by name."""
    return {each.name: each.points / each.of for each in found.criteria}
