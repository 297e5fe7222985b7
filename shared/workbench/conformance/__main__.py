"""``python -m workbench.conformance BASE_URL --model NAME``: 0 when it conforms, 1 when not, 2 when unreachable."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

import msgspec
from rich.markup import escape

from workbench.arguments import positive
from workbench.conformance.registry import Outcome
from workbench.conformance.suite import conforms, run
from workbench.conformance.verdict import Requirement, UnreachableError
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.conformance.registry import CheckResult

__all__ = ["main"]

_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.SKIPPED: "dim"}


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a row for each check and returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        results = run(
            options.base_url,
            options.model,
            options.version,
            grpc_address=options.grpc,
            values=dict(options.value),
            headers=dict(options.header),
            timeout_s=options.timeout_s,
        )
    except UnreachableError as error:
        say(error, stderr=True)
        return 2
    _print(results)
    return 0 if conforms(results, strict=options.strict) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workbench.conformance", description="Does a server speak the Open Inference Protocol?"
    )
    parser.add_argument("base_url", help="base URL, without the /v2, e.g. http://127.0.0.1:8100")
    parser.add_argument("--model", required=True)
    parser.add_argument("--version", default="", help="default: the last one that the model's metadata lists")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="also over gRPC")
    parser.add_argument(
        "--value",
        action="append",
        default=[],
        type=_value,
        metavar="INPUT=VALUE[,VALUE…]",
        help="values that fill an input's elements in turn, e.g. features=5.1,3.5,1.4,0.2",
    )
    parser.add_argument(
        "--header", action="append", default=[], type=_header, metavar="NAME:VALUE", help="sent with each HTTP request"
    )
    parser.add_argument("--strict", action="store_true", help="fail also on what the protocol only recommends")
    parser.add_argument("--timeout-s", type=positive, default=30)
    return parser


def _value(text: str) -> tuple[str, list[Any]]:
    name, given, values = text.partition("=")
    if not given or not name or not values:
        raise argparse.ArgumentTypeError(f"{text}: expected INPUT=VALUE")
    return name, [_literal(each) for each in values.split(",")]


def _literal(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _header(text: str) -> tuple[str, str]:
    name, given, value = text.partition(":")
    if not given or not name:
        raise argparse.ArgumentTypeError(f"{text}: expected NAME:VALUE")
    return name, value.strip()


def _print(results: Sequence[CheckResult]) -> None:
    console = make_console()
    table = make_table(console, "check", "source", "level", "outcome")
    for result in results:
        check = result.check
        warned = result.outcome is Outcome.FAILED and result.level is Requirement.SHOULD
        style = "yellow" if warned else _STYLES[result.outcome]
        name = f"{check.name}\n  {result.detail}" if result.detail else check.name
        table.add_row(escape(name), check.source, result.level, f"[{style}]{result.outcome}[/]")
    console.print(table)
    console.print(_summary(results))


def _summary(results: Sequence[CheckResult]) -> str:
    def count(outcome: Outcome, level: Requirement | None = None) -> int:
        return sum(each.outcome is outcome and level in (None, each.level) for each in results)

    failed, advised = count(Outcome.FAILED, Requirement.MUST), count(Outcome.FAILED, Requirement.SHOULD)
    verdict = "does not conform" if failed else "conforms"
    passed, skipped = count(Outcome.PASSED), count(Outcome.SKIPPED)
    return f"{verdict}: {passed} passed, {failed} MUST failed, {advised} SHOULD failed, {skipped} skipped"


if __name__ == "__main__":
    sys.exit(main())
