"""No module imports, through others, itself: not even for types."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = ("shared", "01-beginner-iris-api", "02-intermediate-seldon-pipeline", "03-advanced-multimodel-kserve")
APART = {"exercises", "deploy", "docker", "frameworks", "ladder", "peers"}
"""Of a level: files that are loaded by their path."""


def modules(root: Path) -> dict[str, Path]:
    """Each module under a folder that is on the path, by its dotted name."""
    found = {}
    for path in root.rglob("*.py"):
        inside = path.relative_to(root).with_suffix("").parts
        if inside[0] not in APART:
            found[".".join(inside[:-1] if inside[-1] == "__init__" else inside)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules among `known` that this file imports, within functions and for types too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (inside & known.keys()) or {node.module}
    return names & known.keys()


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_imports_itself_through_others(folder: str) -> None:
    known = modules(ROOT / folder)
    assert len(known) > 20
    graph = {name: imported(path, known) - {name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
