"""A digest of the code examined: two certificates with the same one are about the same code."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["CodeDigest", "digest_code"]

_GIT_S = 10


class CodeDigest(NamedTuple):
    """What was examined.

    Attributes:
        sha256: over the path and the SHA-256 of each file, sorted by path.
        files: how many there are.
        folders: in which they lie.
        commit: that is checked out; empty without Git.
    """

    sha256: str
    files: int
    folders: list[str]
    commit: str


def digest_code(folders: Iterable[str], root: Path = ROOT) -> CodeDigest:
    """The digest of all files in these folders of the repository, without what Python compiled."""
    named = list(folders)
    paths = sorted(
        path.relative_to(root)
        for folder in named
        for path in (root / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    whole = hashlib.sha256()
    for path in paths:
        whole.update(f"{path.as_posix()}\0{hashlib.sha256((root / path).read_bytes()).hexdigest()}\n".encode())
    return CodeDigest(whole.hexdigest(), len(paths), named, _commit(root))


def _commit(root: Path) -> str:
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True, text=True, check=False, timeout=_GIT_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip()
