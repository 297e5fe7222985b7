"""Runs the assistant's day for its reference design, or for that with something changed."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from course.design.day import unit_of
from planner.day.requirements import load_instances
from planner.prices import load_prices
from planner.token_day.token_design import TokenDesign, load_token_design
from planner.token_day.token_needs import TokenNeeds, load_needs
from planner.token_day.token_run import TokenRun, TokenSetting, run_token_day
from planner.token_day.token_verdict import judge_token_day
from planner.tokens.calibration import REFERENCE, load
from workbench.versions import ROOT

if TYPE_CHECKING:
    from planner.day.points import DesignVerdict

__all__ = ["CALIBRATION", "FOLDER", "TOKEN_TASKS", "setting", "token_changed", "token_needs", "token_reference",
           "token_run", "token_verdict"]  # fmt: skip

FOLDER = ROOT / "interview" / "design"
TOKEN_TASKS = sorted(path.stem for path in FOLDER.glob("*.md") if unit_of(path.stem) == "tokens")
CALIBRATION, _ = load([REFERENCE])


@cache
def token_needs(task: str) -> TokenNeeds:
    """The requirements of a task."""
    return load_needs(FOLDER / f"{task}.toml")


@cache
def setting(task: str) -> TokenSetting:
    """What a design of a task is judged by."""
    return TokenSetting(token_needs(task), CALIBRATION, load_prices(), load_instances())


def token_reference(task: str) -> TokenDesign:
    """The reference design of a task."""
    file = FOLDER / "references" / f"{task}.toml"
    return load_token_design(file, token_needs(task), load_instances(), CALIBRATION)


def token_changed(task: str, changes: dict[str, Any]) -> TokenDesign:
    """The reference design with other values, by names such as ``engine.blocks``."""
    document = tomllib.loads((FOLDER / "references" / f"{task}.toml").read_text())
    for name, value in changes.items():
        part, _, field = name.partition(".")
        document.setdefault(part, {})[field] = value
    return msgspec.convert(document, TokenDesign)


def token_run(task: str, changes: dict[str, Any], seed: int = 1) -> TokenRun:
    """The day of the reference with other values."""
    return run_token_day(token_changed(task, changes), setting(task), seed)


@cache
def _reference_day(task: str, seed: int) -> TokenRun:
    return run_token_day(token_reference(task), setting(task), seed)


def token_verdict(task: str, changes: dict[str, Any] | None = None, seed: int = 1) -> DesignVerdict:
    """The verdict on the reference, or on it with other values."""
    design, reference = token_changed(task, changes or {}), token_reference(task)
    day = token_run(task, changes, seed) if changes else _reference_day(task, seed)
    return judge_token_day(design, token_needs(task), day, reference, _reference_day(task, seed))
