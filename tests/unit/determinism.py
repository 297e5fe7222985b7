"""What makes a test differ from run to run, found in its source: memory, chance and time that nobody chose."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["faults", "sleeps"]

_UNINITIALISED = {"empty", "empty_like"}
_SEEDED_BY_ARGUMENT = {"default_rng", "Random", "RandomState", "Generator", "SeedSequence", "PCG64"}
_MODULES = {"np.random", "numpy.random", "random"}
_SLEEPS = {"time.sleep", "asyncio.sleep", "gevent.sleep", "sleep"}


def faults(source: str) -> list[str]:
    """``LINE: what`` for each call whose result nobody chose: uninitialised memory, no seed, the time of day."""
    tree = ast.parse(source)
    modules, functions = _random_names(tree)
    return [f"{call.lineno}: {what}" for call in _calls(tree) if (what := _fault(call, modules, functions))]


def sleeps(source: str) -> list[int]:
    """The lines that sleep; to let the event loop go on once, ``asyncio.sleep(0)``, is no sleep."""
    return [call.lineno for call in _calls(ast.parse(source)) if ast.unparse(call.func) in _SLEEPS and not _zero(call)]


def _fault(call: ast.Call, modules: set[str], functions: set[str]) -> str | None:
    name = ast.unparse(call.func)
    if name == "gzip.compress" and not any(word.arg == "mtime" for word in call.keywords):
        return f"{name}: holds the time of day, use mtime=0"
    owner, _, last = name.rpartition(".")
    if last in _UNINITIALISED and owner in {"np", "numpy"}:
        return f"{name}: uninitialised memory, use zeros or full"
    drawn = owner in modules or (not owner and name in functions)
    if not drawn or (last in _SEEDED_BY_ARGUMENT and (call.args or call.keywords)):
        return None
    return f"{name}: draws without a seed, use random.Random(SEED) or np.random.default_rng(SEED)"


def _random_names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """How this file calls the modules that draw, and what it takes out of them."""
    modules, functions = {"np.random", "numpy.random"}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name in _MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module in _MODULES:
            functions |= {alias.asname or alias.name for alias in node.names}
    return modules, functions


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _zero(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
