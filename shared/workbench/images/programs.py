"""The programs that check and sign images; ``make release-tools`` builds them, in the versions of ``versions.toml``."""

from __future__ import annotations

import os
import shutil
from typing import Final

from workbench.terminal import say
from workbench.versions import ROOT, load_versions

__all__ = ["FOLDER", "ProgramError", "find_program", "modules"]

FOLDER: Final = ROOT / ".venvs" / "release-tools"


class ProgramError(RuntimeError):
    """A program is not there; the message says how it is made."""


def find_program(name: str) -> str:
    """The path of the one that ``make release-tools`` built, else of the one on PATH.

    Raises:
        ProgramError: there is neither.
    """
    found = shutil.which(name, path=os.pathsep.join([str(FOLDER), os.environ.get("PATH", "")]))
    if found is None:
        raise ProgramError(f"{name}: not there; `make release-tools` builds it (it needs Go), or put one on PATH")
    return found


def modules() -> list[str]:
    """What `go install` takes to build them, each with its version."""
    return [f"{table['module']}@{table['version']}" for table in load_versions()["programs"].values()]


if __name__ == "__main__":
    say("\n".join(modules()))
