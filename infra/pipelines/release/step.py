"""A step of a release: a function of earlier steps' folders and of the release's parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Place", "Result", "Step", "StepError", "Verdict"]

Result = Literal["passed", "failed", "undecided"]
"""``undecided`` is no proof of either; the step is done again when the flow goes on."""


class StepError(Exception):
    """A step could not do its work. One sentence for a terminal; the flow goes on from there when called again."""


class Verdict(msgspec.Struct, frozen=True):
    """How a step ended.

    Attributes:
        result: whether the flow goes on.
        summary: one line for people.
        figures: what the verdict rests on, for the report and the audit log.
    """

    result: Result
    summary: str
    figures: dict[str, Any] = {}


@dataclass(frozen=True)
class Place:
    """What a step sees.

    Args:
        own: its own empty folder.
        parameters: of the release, as its plan reads them.
        needed: the folder of each step that it declared to need.
        figures: the verdict's figures of each of them.
        say: prints a line of progress.
    """

    own: Path
    parameters: Any
    needed: Mapping[str, Path]
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    say: Callable[[str], None] = print

    def of(self, step: str) -> Path:
        """The folder that an earlier step left.

        Raises:
            KeyError: the step did not declare that it needs that one.
        """
        return self.needed[step]


class Step(NamedTuple):
    """A step.

    Attributes:
        name: a verb; also its folder's name.
        work: does it; raises StepError, or one of its troubles, where it cannot.
        needs: the steps whose folders and figures it reads. What else it reads must be in the parameters.
        ending: what the flow is called that ends here, e.g. ``rolled back``.
        troubles: errors of the level that say in one sentence why the work cannot be done, besides those of a damaged
            artefact and of the disk.
    """

    name: str
    work: Callable[[Place], Verdict]
    needs: tuple[str, ...] = ()
    ending: str = "stopped"
    troubles: tuple[type[Exception], ...] = ()
