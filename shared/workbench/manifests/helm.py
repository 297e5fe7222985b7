"""Helm charts rendered and linted by Helm's own engine, in process: no helm binary, no cluster, no network."""

from __future__ import annotations

import io
import signal
import tarfile
from contextlib import suppress
from functools import cache, reduce
from typing import TYPE_CHECKING, Any

from workbench.manifests.crds import split
from workbench.manifests.documents import Document, ManifestError, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["build_chart", "chart_notes", "lint_chart", "render_chart"]

_WARNING = 2  # helm lint's severities: 1 information, 2 warning, 3 error
_NOTES = "NOTES.txt"
_FIRST = ("Namespace", "PriorityClass", "ServiceAccount", "ConfigMap", "PersistentVolumeClaim", "ServingRuntime")

Values = dict[str, Any]


def render_chart(  # noqa: PLR0913 - Helm's own options
    chart: Path,
    values: Sequence[Path] = (),
    *,
    release: str,
    namespace: str,
    overrides: Mapping[str, Any] | None = None,
    upgrade: bool = False,
) -> str:
    """The YAML stream ``helm template`` would print; what others lie in or run as comes first.

    Args:
        chart: the chart's folder.
        values: values files, the later ones win.
        release: the release's name.
        namespace: what ``.Release.Namespace`` is.
        overrides: values that win over every file.
        upgrade: as the upgrade of a release that is there, not as its installation.

    Raises:
        ManifestError: no chart there, values that its schema refuses, or a template that fails, in Helm's own words.
    """
    rendered = _render(chart, values, (release, namespace), overrides or {}, upgrade=upgrade)
    texts = [
        text.strip("\n") for path in sorted(rendered) if not path.endswith(_NOTES) for text in split(rendered[path])
    ]
    written = [text for text in texts if parse(text, str(chart))]
    return "".join(f"---\n{text}\n" for text in sorted(written, key=_order))


def build_chart(  # noqa: PLR0913 - as above
    chart: Path,
    values: Sequence[Path] = (),
    *,
    release: str,
    namespace: str,
    overrides: Mapping[str, Any] | None = None,
    upgrade: bool = False,
) -> list[Document]:
    """The documents of a chart, each with its template as its source; arguments and errors as :func:`render_chart`."""
    rendered = _render(chart, values, (release, namespace), overrides or {}, upgrade=upgrade)
    documents = []
    for path, text in sorted(rendered.items()):
        if not path.endswith(_NOTES):
            documents += parse(text, path)
    return documents


def chart_notes(chart: Path, values: Sequence[Path] = (), *, release: str, namespace: str) -> str:
    """What ``helm install`` would say at its end."""
    rendered = _render(chart, values, (release, namespace), {})
    return "".join(text for path, text in rendered.items() if path.endswith(_NOTES))


def lint_chart(chart: Path, values: Sequence[Path] = (), *, namespace: str, kubernetes: str) -> list[str]:
    """Every warning and error of ``helm lint --strict``, as ``path: message``."""
    report = _helm().lint(
        chart, _merge(values, {}), strict=True, namespace=namespace, kube_version=f"v{kubernetes.removeprefix('v')}"
    )
    found = [f"{each['path']}: {each['error']}" for each in report["messages"] if each["severity"] >= _WARNING]
    return found or list(report["errors"])


def _render(
    chart: Path, values: Sequence[Path], place: tuple[str, str], overrides: Mapping[str, Any], *, upgrade: bool = False
) -> dict[str, str]:
    release, namespace = place
    merged, helm = _merge(values, overrides), _helm()
    try:
        with helm.Chart.load_archive(_archive(chart)) as loaded:
            loaded.validate_schema(merged)
            rendered: dict[str, str] = loaded.render(
                merged, name=release, namespace=namespace, is_install=not upgrade, is_upgrade=upgrade
            )
    except helm.HelmError as error:
        raise ManifestError(f"{chart}: helm: {error.detail.strip()}") from None
    return rendered


@cache
def _helm() -> Any:
    """Helm's engine, for who uses it: with it comes Go's runtime, which takes SIGPIPE over from Python.

    Python has it back at once: else a connection that breaks ends in a handler of Go's instead of in an exception.
    """
    before = signal.getsignal(signal.SIGPIPE)
    import helm_python  # noqa: PLC0415 - see above

    with suppress(ValueError):  # in a thread, where no handler can be set: Go keeps it
        signal.signal(signal.SIGPIPE, before)
    return helm_python


def _archive(chart: Path) -> bytes:
    """The chart as Helm packages it. Links within the repository become files: Helm follows them too, but says so."""
    if not (chart / "Chart.yaml").is_file():
        raise ManifestError(f"{chart}: not a folder with a Chart.yaml")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1, dereference=True) as archive:
        archive.add(chart, chart.name)
    return packed.getvalue()


def _order(text: str) -> int:
    kind = next(line for line in text.splitlines() if line.startswith("kind: ")).removeprefix("kind: ")
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)


def _merge(files: Sequence[Path], overrides: Mapping[str, Any]) -> Values:
    return reduce(_overlay, [*map(_read, files), overrides], {})


def _read(file: Path) -> Values:
    (document,) = parse(file.read_text(encoding="utf-8"), str(file)) or [Document(str(file), {})]
    return document.body


def _overlay(below: Values, above: Mapping[str, Any]) -> Values:
    """Helm's rule: objects are merged key by key, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(merged.get(key), dict) and isinstance(value, dict)
        merged[key] = _overlay(merged[key], value) if both else value
    return merged
