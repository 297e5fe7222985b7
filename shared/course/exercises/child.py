"""Runs one check in a process of its own: ``python -m course.exercises.child CHECKS NAME ANSWER VERDICT``.

The parent learns the outcome from the verdict file or from its absence, whatever the learner's code does.
"""

from __future__ import annotations

import ast
import json
import sys
import traceback
from pathlib import Path

from course.exercises.check import CheckFailedError, load

__all__ = ["describe", "main", "unwritten"]

_MEMORY_BYTES = 4 * 1024**3
_FILE_BYTES = 16 * 1024**2


def main(checks: str, name: str, answer: str, verdict: str) -> None:
    """Runs the check and writes ``{"state": passed | failed | to do, "message": …}`` to the file `verdict`."""
    _limit_appetite()
    Path(verdict).write_text(json.dumps(_judge(Path(checks), name, Path(answer))), encoding="utf-8")


def _judge(checks: Path, name: str, answer: Path) -> dict[str, str]:
    if not answer.exists():
        return {"state": "failed", "message": f"{answer.name}: no such file: make reset E=… brings the starter back"}
    try:
        getattr(load(checks), name)(answer)
    except NotImplementedError:
        return {"state": "to do", "message": unwritten(answer)}
    except Exception as error:  # noqa: BLE001 - whatever a learner's code raises
        return {"state": "failed", "message": describe(error, answer)}
    return {"state": "passed", "message": ""}


def describe(error: Exception, answer: Path) -> str:
    """The error in one sentence, with the line of the learner's file that raised it."""
    if isinstance(error, CheckFailedError):
        return str(error)
    if isinstance(error, SyntaxError) and error.filename == str(answer):
        return f"{answer.name}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(answer)]
    if own:
        return f"{answer.name}, line {own[-1].lineno}: {text}"
    return f"{text} (seen by {Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else text


def unwritten(answer: Path) -> str:
    """A sentence that names the functions of a file that still raise ``NotImplementedError``, with their lines."""
    places = []
    text = answer.read_text(encoding="utf-8") if answer.is_file() else ""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            places += [f"{node.name} (line {each.lineno})" for each in node.body if _is_open(each)]
    return f"not written yet: {', '.join(places)}" if places else "not written yet"


def _is_open(line: ast.stmt) -> bool:
    return isinstance(line, ast.Raise) and line.exc is not None and "NotImplementedError" in ast.unparse(line.exc)


def _limit_appetite() -> None:
    """Limits memory and output, so that an endless list or print ends as an error of its own."""
    import resource  # noqa: PLC0415 - POSIX only, as is the runner; imported here so that the module can be read anywhere

    for limit, size in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_FSIZE, _FILE_BYTES)):
        try:
            resource.setrlimit(limit, (size, resource.getrlimit(limit)[1]))
        except (ValueError, OSError):  # macOS has no limit on the address space
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])
