"""A model card in Markdown: what people wrote, joined with what the registry knows of the version that is served.

The form is that of M. Mitchell and others, "Model Cards for Model Reporting", FAT* 2019.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workbench.governance.report import Report
from workbench.governance.text import CardError
from workbench.registry import CHAMPION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.governance.text import ModelText
    from workbench.registry import ModelVersion, RegisteredModel

__all__ = ["LINEAGE", "model_card"]

LINEAGE = (
    "git_commit", "trained_by", "lock_sha256", "training_data_sha256", "libraries", "parameters", "created", "sha256",
    "artefact_sha256", "artefact_version", "signature", "metrics",
)  # fmt: skip
"""The tags without which nobody can tell where a version came from."""


def model_card(text: ModelText, model: RegisteredModel | None) -> str:
    """The card of the champion.

    Raises:
        CardError: a part is missing; a line for each.
    """
    champion = model.alias(CHAMPION) if model else None
    if model is None or champion is None:
        raise CardError(f"model card of {text.model}: no champion is registered: make registry shows what is")
    report = Report.of(champion)
    missing = [*report.missing(text.measures), *(f"lineage: {name}" for name in LINEAGE if not champion.tags.get(name))]
    if missing:
        lines = (f"model card of {text.model}: {champion.title} has no {each}" for each in missing)
        raise CardError("\n".join(lines) + "\n" + _REMEDY)
    parts = (
        *_written(text, champion), *_figures(text, report), *_slices(report), *_signature(champion),
        *_lineage(champion), *_versions(model),
    )  # fmt: skip
    return "\n".join(parts) + "\n"


_REMEDY = "the training writes these: register a version that this code trained (make train-N), and promote it"


def _written(text: ModelText, champion: ModelVersion) -> Iterator[str]:
    yield f"# Model card: {text.model}"
    yield f"\nVersion {champion.number}, registered on {champion.created:%Y-%m-%d}. Owner: {text.owner}."
    for title, words in (
        ("Intended use", text.intended_use),
        ("Out of scope", text.out_of_scope),
        ("Limits", text.limits),
        ("Ethical notes", text.ethics),
    ):
        yield f"\n## {title}\n\n{words.strip()}"
    yield f"\n## Data\n\n{text.data.description.strip()}\n"
    yield from _list({"source": text.data.source, "licence": text.data.licence, **_data(champion)})


def _data(champion: ModelVersion) -> dict[str, str]:
    return {"sha256": champion.tags["training_data_sha256"]}


def _figures(text: ModelText, report: Report) -> Iterator[str]:
    yield f"\n## Figures\n\nThe baseline is {text.baseline}. What stands behind ± holds with 95 %.\n"
    rows = [
        (
            f"`{each.name}`",
            f"{_figure(report.figure(each.name))}{_margin(report.margin(each.name))}",
            _figure(report.figure(each.baseline)),
            each.means,
        )
        for each in text.measures
    ]
    yield from _table(("measure", "model", "baseline", "what it is"), rows)
    if report.origin:
        yield "\nMargins, baseline and parts are those of the version that this one was made of."


def _slices(report: Report) -> Iterator[str]:
    for by, parts in report.slices.items():
        names = list(dict.fromkeys(name for figures in parts.values() for name in figures))
        yield f"\n## Figures by {by}\n"
        rows = [(part, *(_figure(figures.get(name)) for name in names)) for part, figures in parts.items()]
        yield from _table((by, *names), rows)


def _signature(champion: ModelVersion) -> Iterator[str]:
    signature = json.loads(champion.tags["signature"])
    yield "\n## Signature\n"
    rows = [
        (side.removesuffix("s"), f"`{each['name']}`", each["datatype"], str(each["shape"]))
        for side in ("inputs", "outputs")
        for each in signature[side]
    ]
    yield from _table(("", "tensor", "type", "shape"), rows)


def _lineage(champion: ModelVersion) -> Iterator[str]:
    yield "\n## Lineage\n"
    tags = {name: champion.tags[name] for name in LINEAGE if name not in {"metrics", "signature"}}
    gate = champion.tags.get("gate", "none: it was registered without one, as a training's first version is")
    yield from _list({**tags, "gate": gate})


def _versions(model: RegisteredModel) -> Iterator[str]:
    yield "\n## Versions\n"
    rows = [
        (str(each.number), ", ".join(each.aliases) or "–", f"{each.created:%Y-%m-%d %H:%M}", f"`{each.sha256[:12]}`")
        for each in model.versions.values()
    ]
    yield from _table(("version", "alias", "registered", "sha256"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _list(pairs: dict[str, str]) -> Iterator[str]:
    for name, value in pairs.items():
        yield f"- {name}: {value}"


def _figure(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _margin(margin: float | None) -> str:
    return "" if margin is None else f" ± {margin:.2g}"
