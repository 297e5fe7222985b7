"""Which release is meant: the newest that did not end, if it had the same parameters, else a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from release.step import StepError
from servekit.json_file import write_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PARAMETERS", "begin", "end"]

PARAMETERS, _ENDED = "parameters.json", "ended.json"


def begin(folder: Path, parameters: Any) -> tuple[Path, bool]:
    """The folder of a release with these parameters, and whether an earlier run began it.

    Raises:
        StepError: the disk is full or the folder cannot be written.
    """
    known = sorted(path.parent for path in folder.glob(f"[0-9]*/{PARAMETERS}"))
    if known and not (known[-1] / _ENDED).exists() and _read(known[-1]) == msgspec.to_builtins(parameters):
        return known[-1], True
    home = folder / f"{int(known[-1].name) + 1 if known else 1:04d}"
    try:
        write_json(home / PARAMETERS, parameters)
    except OSError as error:
        raise StepError(f"{home}: {error.strerror}: free some space, then release again") from None
    return home, False


def end(home: Path, ending: str) -> None:
    """Notes how a release ended, so that the next is another one."""
    write_json(home / _ENDED, {"ending": ending})


def _read(home: Path) -> Any:
    try:
        return msgspec.json.decode((home / PARAMETERS).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None
