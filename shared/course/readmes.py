"""READMEs as executable lessons: the commands in their console blocks are run, and what they print is compared.

A block is a Markdown fence of the language ``console``. A line that starts with ``$ `` is a command for bash, further
lines with ``> `` continue it, and the lines below are its output. In the output ``…`` matches any text within a line, a
line of ``…`` alone any number of lines; runs of blanks are equal to one. A block after a line
``<!-- not run by the README tests: the reason -->`` is skipped.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Step", "matches", "read_steps", "run"]

_SKIPPED = r"<!-- not run by the README tests: (?P<skipped>.*?) -->\n"
_BLOCK = re.compile(rf"(?:{_SKIPPED})?```console\n(?P<body>.*?)```", re.DOTALL)


class Step(msgspec.Struct, frozen=True):
    """A command of a README.

    Attributes:
        command: for bash.
        output: what it prints, with ``…`` for what differs from run to run.
        line: where the README has it, from 1.
        skipped: why the README tests do not run it; empty when they do.
    """

    command: str
    output: str
    line: int
    skipped: str = ""


def read_steps(markdown: str) -> list[Step]:
    """The commands of a README, in their order.

    Raises:
        ValueError: a block has output before its first command.
    """
    steps = []
    for block in _BLOCK.finditer(markdown):
        first = markdown.count("\n", 0, block.start("body")) + 1
        skipped = block["skipped"] or ""
        steps += [Step(command, output, line, skipped) for command, output, line in _commands(block["body"], first)]
    return steps


def run(step: Step, folder: Path, environment: Mapping[str, str], timeout_s: float = 300) -> str:
    """The output of the command, standard error included.

    Raises:
        AssertionError: the command failed, or its output differs from the README's; the message shows both.
        subprocess.TimeoutExpired: the command did not end in time.
    """
    done = subprocess.run(
        ["bash", "-c", step.command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"line {step.line}: $ {step.command}\nexit code {done.returncode}\n{done.stdout}")
    if not matches(done.stdout, step.output):
        raise AssertionError(
            f"line {step.line}: $ {step.command}\nthe README says\n{step.output}\nit printed\n{done.stdout}"
        )
    return done.stdout


def matches(printed: str, expected: str) -> bool:
    """Whether the output is what the README shows, by the rules above; a command without output matches any."""
    if not expected.strip():
        return True
    pattern = r"\n".join(_line_pattern(line) for line in _lines(expected))
    pattern = pattern.replace(r"\n(?:.*\n)*?.*\n", r"\n(?:.*\n)*?")
    return re.fullmatch(pattern, "\n".join(_lines(printed))) is not None


def _commands(body: str, first: int) -> list[tuple[str, str, int]]:
    found: list[tuple[str, list[str], int]] = []
    for offset, line in enumerate(body.splitlines()):
        if line.startswith("$ "):
            found.append((line[2:], [], first + offset))
        elif not found:
            raise ValueError(f"line {first + offset}: {line!r} stands before the block's first command")
        elif line.startswith("> ") and not found[-1][1]:
            command, output, at = found.pop()
            found.append((f"{command}\n{line[2:]}", output, at))
        else:
            found[-1][1].append(line)
    return [(command, "\n".join(output), at) for command, output, at in found]


def _lines(text: str) -> list[str]:
    collapsed = (re.sub(r"[ \t]+", " ", line).strip() for line in text.splitlines())
    return [line for line in collapsed if line]


def _line_pattern(line: str) -> str:
    if line == "…":
        return r"(?:.*\n)*?.*"
    return ".*".join(re.escape(part) for part in line.split("…"))
