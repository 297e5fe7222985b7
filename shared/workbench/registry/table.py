"""The registered models as a table for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from workbench.registry.version import CHAMPION
from workbench.terminal import make_table, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console
    from rich.table import Table

    from workbench.registry.version import ModelVersion, RegisteredModel

__all__ = ["document", "render"]

_COLUMNS = ("model", "version", "alias", "artefact", "figures", "registered", "sha256", "data", "commit")
_FIGURES = 2
_SHORT = 8


def render(console: Console, models: Iterable[RegisteredModel]) -> Table:
    """A row for each version, the champions' in bold."""
    table = make_table(console, *_COLUMNS, numbers=[1])
    for model in models:
        for version in model.versions.values():
            table.add_row(*_row(version), style="bold" if CHAMPION in version.aliases else None)
    return table


def document(models: Mapping[str, RegisteredModel]) -> dict[str, Any]:
    """Everything that is registered, by model and version number."""
    return {
        name: {
            "aliases": model.aliases,
            "versions": {
                str(number): {
                    "source": version.source,
                    "registered": version.created.isoformat(timespec="seconds"),
                    "aliases": list(version.aliases),
                    "tags": version.tags,
                }
                for number, version in model.versions.items()
            },
        }
        for name, model in models.items()
    }


def _row(version: ModelVersion) -> list[Text]:
    tags = version.tags
    cells = (
        version.model,
        str(version.number),
        ", ".join(version.aliases),
        f"version {version.artefact_version}",
        _figures(version.metrics),
        f"{version.created:%Y-%m-%d %H:%M}",
        version.sha256[:_SHORT],
        tags.get("training_data_sha256", "")[:_SHORT],
        _commit(tags.get("git_commit", "")),
    )
    return [Text(printable(cell)) for cell in cells]


def _figures(metrics: Mapping[str, Any]) -> str:
    """The first figures of a card that are measures of quality; the rest are in the JSON."""
    numbers = {name: value for name, value in metrics.items() if isinstance(value, float)}
    return ", ".join(f"{name} {value:.4g}" for name, value in list(numbers.items())[:_FIGURES])


def _commit(commit: str) -> str:
    head, _, dirty = commit.partition("-")
    return f"{head[:_SHORT]}{'-' if dirty else ''}{dirty}"
