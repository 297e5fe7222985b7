"""The training report of a version, and of the version that it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workbench.governance.text import Measure
    from workbench.registry import ModelVersion

__all__ = ["Report"]


class Report(NamedTuple):
    """The figures of a version.

    Attributes:
        own: of the version itself.
        origin: of the version that it was made of, where its report keeps that one's as ``made_of``: an INT8 version
            is measured by less than the FP32 version was.
    """

    own: Mapping[str, Any]
    origin: Mapping[str, Any]

    @classmethod
    def of(cls, version: ModelVersion) -> Report:
        """The report that was registered with a version."""
        return cls(version.metrics, version.metrics.get("made_of", {}))

    def figure(self, path: str) -> int | float | None:
        """A figure by its name, e.g. ``auc`` or ``popularity.ndcg_at_10``; None where neither report has it."""
        found = (_at(each, path.split(".")) for each in (self.own, self.origin))
        return next((each for each in found if isinstance(each, int | float)), None)

    def margin(self, name: str) -> float | None:
        """The margin of a figure, where the training gave one."""
        return self.figure(f"margins.{name}")

    @property
    def slices(self) -> dict[str, dict[str, dict[str, float]]]:
        """The figures by what divides the rows, and by part; none where neither report has any."""
        found: dict[str, dict[str, dict[str, float]]] = self.own.get("slices") or self.origin.get("slices") or {}
        return {by: parts for by, parts in found.items() if parts}

    def missing(self, measures: Sequence[Measure]) -> Iterator[str]:
        """What a model card needs and neither report has."""
        for each in measures:
            if self.figure(each.name) is None:
                yield f"metric {each.name}"
            if self.figure(each.baseline) is None:
                yield f"baseline {each.baseline}"
        if not any(self.margin(each.name) is not None for each in measures):
            yield "margins"
        if not self.slices:
            yield "slices"


def _at(report: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = report
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found
