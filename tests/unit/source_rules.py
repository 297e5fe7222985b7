"""What the source may not say, because it lets something through or fails one day in fifty; each with its reason."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["RULES", "Rule", "found", "sources"]

_END_OF_LINE = re.compile(r"(?<!\\)\$(?=\Z|[)|])")
# Python's alone: $ is the very end for Go (Helm's schemas, CRDs) and Rust (pydantic); Envoy and Prometheus match all.
_MATCHERS = {"compile", "match", "search", "fullmatch", "sub", "split", "findall", "finditer"}


class Rule(NamedTuple):
    """A rule: where it holds, what breaks it, and what is right instead."""

    folders: tuple[str, ...]
    broken: Callable[[ast.AST], bool]
    instead: str
    homes: tuple[str, ...] = ()
    """The files that may break it: there is what the others are to use."""


def found(tree: ast.AST, rule: Rule) -> Iterator[int]:
    """The lines of a module that break a rule."""
    return (node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr | ast.stmt) and rule.broken(node))


def sources(folders: Iterable[str], homes: Iterable[str] = ()) -> Iterator[Path]:
    """The Python files in these folders, without generated ones and those that may do what others may not."""
    for folder in folders:
        for path in sorted(ROOT.glob(f"{folder}/**/*.py")):
            if "_pb2" not in path.name and str(path.relative_to(ROOT)) not in {*homes}:
                yield path


def _called(node: ast.AST) -> tuple[str, str]:
    """The object's name and the function's, of a call like ``re.compile(…)``; empty where there is none."""
    if not isinstance(node, ast.Call):
        return "", ""
    if isinstance(node.func, ast.Attribute):
        return node.func.value.id if isinstance(node.func.value, ast.Name) else "", node.func.attr
    return "", node.func.id if isinstance(node.func, ast.Name) else ""


def _lets_a_line_break_through(node: ast.AST) -> bool:
    module, name = _called(node)
    if not isinstance(node, ast.Call):
        return False
    patterns = [word.value for word in node.keywords if word.arg == "pattern"] if name in {"Meta", "constr"} else []
    patterns += node.args[:1] if module == "re" and name in _MATCHERS else []
    multiline = any("MULTILINE" in ast.dump(part) for part in [*node.args, *node.keywords])
    return not multiline and any(_ends_with_dollar(pattern) for pattern in patterns)


def _ends_with_dollar(node: ast.expr) -> bool:
    node = node.values[-1] if isinstance(node, ast.JoinedStr) else node.right if isinstance(node, ast.BinOp) else node
    text = node.value if isinstance(node, ast.Constant) else b""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return isinstance(text, str) and bool(_END_OF_LINE.search(text)) and "(?m)" not in text


def _unbounded_number(node: ast.AST) -> bool:
    _, name = _called(node)
    if not isinstance(node, ast.Call) or name != "add_argument":
        return False
    first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
    kinds = [word.value.id for word in node.keywords if word.arg == "type" and isinstance(word.value, ast.Name)]
    return bool({"int", "float"} & set(kinds)) and first not in _CHECKED_ELSEWHERE


def _measures_a_process(node: ast.AST) -> bool:
    owner, name = _called(node)
    reads_the_machine = isinstance(node, ast.Constant) and node.value == "/proc/stat"
    return reads_the_machine or (owner != "psutil" and name in {"cpu_times", "memory_info"})


def _indents_json(node: ast.AST) -> bool:
    owner, name = _called(node)
    if not isinstance(node, ast.Call):
        return False
    given = {word.arg for word in node.keywords}
    formats = isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "msgspec.json.format"
    return formats or (owner == "json" and name in {"dump", "dumps"} and "indent" in given and "cls" not in given)


def _aligns_a_column(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "justify" and isinstance(node.ctx, ast.Store)


def _begins_an_answer(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == "http.response.start"


def _goes_through_a_proxy(node: ast.AST) -> bool:
    """A client that heeds the environment's proxies; one with a transport of its own opens no connection."""
    owner, name = _called(node)
    if not isinstance(node, ast.Call):
        return False
    given = {word.arg for word in node.keywords}
    if owner == "httpx":
        asks = name in {"get", "post", "put", "delete", "head", "request", "stream", "Client", "AsyncClient"}
        return asks and not given & {"trust_env", "transport", "follow_redirects"}  # who follows them goes outside
    if name in {"insecure_channel", "secure_channel"}:
        return "options" not in given and len(node.args) < 2
    return name in {"urlopen", "build_opener"}


_CHECKED_ELSEWHERE = {
    "--seed",  # any number is one
    "level", "levels",  # looked up among those there are
    "--rate", "--duration", "--workers",  # of workbench.sla alone: held to the schema of sla.toml, in its words
    "--weight",  # a canary's: it has a check, and a message, of its own
    "--shards",  # a setting's bounds
    "--port",  # of a peer that is measured
}  # fmt: skip
_PRODUCT = (
    "shared", "01-beginner-iris-api", "02-intermediate-seldon-pipeline", "03-advanced-multimodel-kserve", "interview",
)  # fmt: skip
RULES = {
    "number": Rule(
        _PRODUCT,
        _unbounded_number,
        "take the type from workbench.arguments: float takes nan and inf, int takes 0 and -5",
    ),
    "proxy": Rule(
        _PRODUCT,
        _goes_through_a_proxy,
        "ask with servekit.http_ask, or take client or DIRECT from servekit.loopback: no proxy for this machine",
    ),
    "process": Rule(
        _PRODUCT,
        _measures_a_process,
        "take cpu_s, resident_bytes or machine_time from workbench.processes",
        ("shared/workbench/processes.py",),
    ),
    "json": Rule(
        _PRODUCT,
        _indents_json,
        "write_json or indented from servekit.json_file, encode_card for a model's card",
        (
            "shared/servekit/json_file.py",
            "shared/servekit/artefact_folder.py",  # for Seldon's environment, which has no msgspec
            "03-advanced-multimodel-kserve/deploy/tensorrt/build_engine.py",  # runs in NVIDIA's image, alone
            "03-advanced-multimodel-kserve/deploy/shop-serving/files/build_engine.py",
        ),
    ),
    "justify": Rule(
        _PRODUCT,
        _aligns_a_column,
        "name the columns of numbers: make_table(…, numbers=1)",
        ("shared/workbench/terminal.py",),
    ),
    "answer": Rule(
        ("shared", "01-beginner-iris-api/iris_api", *_PRODUCT[2:]),  # level 1's ladder shows it step by step
        _begins_an_answer,
        "take send_answer from servekit.asgi",
        ("shared/servekit/asgi.py", "shared/servekit/telemetry/middleware.py"),  # this one looks at what is sent
    ),
    "dollar": Rule(
        _PRODUCT, _lets_a_line_break_through, r"end a pattern with \Z: $ also matches before a line break at the end"
    ),
}
