"""The audit log verified by `make`, against what was noted elsewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from servekit.audit import AuditLog, AuditSettings
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Level 1's log as two workers leave it, in a folder of its own."""
    settings = AuditSettings(dir=tmp_path / ".run/1/audit")
    with AuditLog(settings), AuditLog(settings):
        pass
    return tmp_path


def make(folder: Path, *variables: str, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("AUDIT_", "ANCHOR", "MAKE"))}
    set_up = ["-o", ".venvs/main/.synced", f"PY={shlex.quote(sys.executable)}"]
    return subprocess.run(
        ["make", "-f", ROOT / "Makefile", "-C", folder, "--no-print-directory", *set_up, "audit-1", *variables],
        env=known | environment,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_what_make_says_to_note_is_what_it_takes(folder: Path) -> None:
    done = make(folder)
    assert done.returncode == 0, done.stderr
    (noted,) = re.findall(r"ANCHOR=\"(.*)\"$", done.stdout, re.MULTILINE)
    assert make(folder, f"ANCHOR={noted}").returncode == make(folder, ANCHOR=noted).returncode == 0
    for path in (folder / ".run/1/audit").iterdir():
        path.unlink()
    AuditLog(AuditSettings(dir=folder / ".run/1/audit")).close()
    assert make(folder).returncode == 0
    done = make(folder, f"ANCHOR={noted}")
    assert done.returncode != 0
    assert f"anchor {noted.split()[0]}: no line has this hash, the log was rewritten" in done.stdout


@pytest.mark.parametrize(
    "text", ["$(touch hit)", "$(shell touch hit)", "`touch hit`", '";touch hit;"', "';touch hit;'", "a\n\ttouch hit"]
)
def test_neither_make_nor_a_shell_runs_what_an_anchor_says(folder: Path, text: str) -> None:
    for done in (make(folder, f"ANCHOR={text}"), make(folder, ANCHOR=text)):
        assert f"anchor {text.split(maxsplit=1)[0]!r}: expected 64 hex digits" in done.stdout
        assert done.returncode == 2
    assert not (folder / "hit").exists()
