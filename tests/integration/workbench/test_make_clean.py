"""``make clean`` deletes what can be rebuilt: not the registry, the decisions, the audit logs, and who was erased."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

KEPT = (
    ".run/1/audit/api.jsonl",
    ".run/3/canary/decision.jsonl",
    ".run/3/erased.json",
    ".run/exam/1.html",
    ".run/exam/1.json",
    ".run/mlflow.db",
    ".run/mlflow.db-wal",
    ".run/registry/audit/registry.jsonl",
    ".run/registry/iris/sha256-1/model.onnx",
)
REBUILT = (
    ".cache/movielens/items",
    ".run/1/models/iris/1/model.onnx",
    ".run/3/canary.json",
    ".run/policy.json",
    ".run/release/1/audit/old.json",
    ".venvs/triton/.synced",
)
SAID = (
    "clean: kept .run/1/audit .run/3/canary .run/3/erased.json .run/exam/1.html .run/exam/1.json "
    ".run/mlflow.db .run/mlflow.db-wal .run/registry "
    "because nothing can rebuild it; rm -rf .run deletes that, too"
)


def cleaned(folder: Path, *names: str) -> str:
    shutil.copy(ROOT / "Makefile", folder)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    kept = {name: os.environ[name] for name in ("PATH", "HOME")}
    done = subprocess.run(["make", "clean"], cwd=folder, env=kept, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout


def test_what_nothing_can_rebuild_stays_and_a_sentence_says_how_to_delete_it(tmp_path: Path) -> None:
    assert SAID in cleaned(tmp_path, *KEPT, *REBUILT).splitlines()
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted([*KEPT, "Makefile"])
    assert all((tmp_path / name).read_text() == name for name in KEPT)


def test_where_nothing_was_registered_or_logged_nothing_is_left(tmp_path: Path) -> None:
    assert "kept" not in cleaned(tmp_path, *REBUILT)
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]
