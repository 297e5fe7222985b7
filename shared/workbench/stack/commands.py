"""The command line of a stack, behind ``make up-N``, ``down-N``, ``status-N`` and ``logs-N``."""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.markup import escape

from workbench.arguments import count, positive
from workbench.stack import logs
from workbench.stack.lifecycle import down, up
from workbench.stack.spec import StackError
from workbench.stack.status import status
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from workbench.stack.spec import Stack

__all__ = ["main"]

_INTERRUPTED = 130


def main(stack: Stack, argv: Sequence[str] | None = None) -> int:
    """Runs one command on `stack`; returns 0 when done, 1 when it failed or is not ready, 130 when interrupted.

    Processes run in the current working directory.
    """
    arguments = _parser(stack).parse_args(argv)
    try:
        return _run(arguments, stack, make_console())
    except (StackError, OSError) as error:
        make_console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(arguments: argparse.Namespace, stack: Stack, console: Console) -> int:
    match arguments.command:
        case "up":
            up(replace(stack, ready_timeout_s=arguments.timeout or stack.ready_timeout_s), console)
            if isinstance(stack.level, int):
                console.print("make console shows it live in a browser", style="dim")
        case "down":
            down(stack, console)
        case "status":
            return 0 if status(stack, console) else 1
        case _:
            names = [arguments.process] if arguments.process else [process.name for process in stack.processes]
            _logs(stack, names, arguments, console)
    return 0


def _logs(stack: Stack, names: Sequence[str], arguments: argparse.Namespace, console: Console) -> None:
    files = {name: stack.log_file(name) for name in names}
    if not any(path.exists() for path in files.values()) and not arguments.follow:
        raise StackError(f"logs {stack.log_dir}: none yet; `make up-{stack.level}` starts the level")
    width = max(map(len, names), default=0)
    for line in logs.newest(files, arguments.lines):
        logs.show(line, console, width)
    if arguments.follow:
        with suppress(KeyboardInterrupt):  # how following ends
            for line in logs.follow(files):
                logs.show(line, console, width)
                if console.quiet:  # whoever read the lines is gone
                    return


def _parser(stack: Stack) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=f"The processes of {stack.title}.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start, and wait until every process is ready")
    start.add_argument("--timeout", type=positive, metavar="S", help=f"seconds to wait ({stack.ready_timeout_s:g})")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("status", help="show the processes; exit code 1 when one is not ready")
    show = commands.add_parser("logs", help="show the newest log lines")
    show.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    show.add_argument("-n", "--lines", type=count, default=50, metavar="N", help="how many lines (50)")
    show.add_argument("--process", choices=[process.name for process in stack.processes], help="of one process only")
    return parser
