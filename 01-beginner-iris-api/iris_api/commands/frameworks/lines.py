"""How many lines a user writes: what is blank, a comment or a docstring is not counted."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["lines_of_code"]


def lines_of_code(files: Iterable[Path]) -> int:
    """Lines of all files together; a folder stands for the files in it."""
    return sum(_count(file) for path in files for file in (_inside(path) if path.is_dir() else [path]))


def _inside(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]


def _count(file: Path) -> int:
    text = file.read_text(encoding="utf-8")
    documented = _docstrings(text) if file.suffix == ".py" else set()
    lines = enumerate(text.splitlines(), start=1)
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") and n not in documented for n, line in lines)


def _docstrings(text: str) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found
