"""The reports of the measurements over time: each command overwrites its last one, so the console keeps them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Shelf", "compared"]

_FOLDERS = ("sla", "capacity", "bench", "drift", "exam")
_LEVEL_FILES = ("optimize.json", "overload.json", "canary.json", "plan.json", "calibration.json")
_MOST_RUNS = 50
_WHEN = "%Y-%m-%d %H-%M-%S"


class Shelf:
    """Keeps a copy of each report that a command writes.

    Args:
        run: the folder ``.run`` with the reports.
        kept: where the copies go.
    """

    def __init__(self, run: Path, kept: Path) -> None:
        self._run, self._kept = run, kept
        self._seen: dict[Path, int] = {}

    def collect(self) -> None:
        """Copies what was written since it was asked last; the oldest of more than 50 runs go."""
        for name, path in self._written():
            changed = path.stat().st_mtime_ns
            if self._seen.get(path) == changed:
                continue
            self._seen[path] = changed
            content = path.read_bytes()
            if not _is_json(content):
                continue  # it is being written, and is seen again
            when = datetime.fromtimestamp(changed / 1e9, UTC).astimezone().strftime(_WHEN)
            copy = self._kept / name / f"{when}.json"
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(content)
                for old in sorted(copy.parent.glob("*.json"))[:-_MOST_RUNS]:
                    old.unlink()

    def reports(self) -> dict[str, list[str]]:
        """The runs of each report, the newest first."""
        folders = sorted(path for path in self._kept.glob("*") if path.is_dir())
        return {each.name: sorted((path.stem for path in each.glob("*.json")), reverse=True) for each in folders}

    def read(self, report: str, run: str) -> dict[str, str]:
        """The figures of a run by their path in the report; empty where the file is no report."""
        if run not in self.reports().get(report, []):
            return {}
        try:
            return dict(_flat("", msgspec.json.decode((self._kept / report / f"{run}.json").read_bytes())))
        except msgspec.DecodeError:
            return {}

    def _written(self) -> Iterator[tuple[str, Path]]:
        for folder in _FOLDERS:
            for path in self._run.glob(f"{folder}/*.json"):
                yield f"{folder} {path.stem}", path
        for path in self._run.glob("release/[0-9]/*/ended.json"):
            yield f"release {path.parent.parent.name}", path
        for name in _LEVEL_FILES:
            for path in self._run.glob(f"[0-9]/{name}"):
                yield f"{path.stem} {path.parent.name}", path


def compared(one: dict[str, str], other: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """A row for each figure of either run: its name, both values, and by how much the second is larger."""
    names = [*one, *(name for name in other if name not in one)]
    return [(name, one.get(name, "–"), other.get(name, "–"), _change(one.get(name), other.get(name))) for name in names]


def _is_json(content: bytes) -> bool:
    try:
        msgspec.json.decode(content)
    except msgspec.DecodeError:
        return False
    return True


def _change(one: str | None, other: str | None) -> str:
    try:
        before, after = float(one or ""), float(other or "")
    except ValueError:
        return "" if one == other else "differs"
    if before == after:
        return ""
    return f"{(after - before) / before:+.1%}" if before else f"{after - before:+g}"


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), each)
    elif isinstance(value, list):
        for number, each in enumerate(value[:_MOST_RUNS]):
            yield from _flat(f"{prefix}[{number}]", each)
    else:
        yield prefix, f"{value:.6g}" if isinstance(value, float) else str(value)
