"""What a release is on each level."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from release.flow import Outcome
    from release.step import Step

__all__ = ["LEVELS", "Plan", "plan_of"]

_MODULES = {"1": "release.iris", "2": "release.films", "3": "release.shop"}
LEVELS = tuple(_MODULES)


@dataclass(frozen=True)
class Plan:
    """A level's release.

    Args:
        about: one sentence.
        kind: the struct of its parameters, which has a ``model``.
        add_options: adds the level's options to a command line.
        parameters: makes the parameters from the options, the registry and the checkout.
        steps: in their order.
        told: the parameters in a few words.
        ended: is given how a release ended, for the audit log.
    """

    about: str
    kind: type[Any]
    add_options: Callable[[argparse.ArgumentParser], None]
    parameters: Callable[[argparse.Namespace], Any]
    steps: Callable[[], list[Step]]
    told: Callable[[Any], str]
    ended: Callable[[Any, Outcome], None]


def plan_of(level: str) -> Plan:
    """A level's plan; imports what trains its models, and nothing of the other levels."""
    plan: Plan = import_module(_MODULES[level]).PLAN
    return plan
