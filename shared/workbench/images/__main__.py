"""``python -m workbench.images build|scan|publish N``: builds, checks and releases images: of level N, or of a name."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.images.build import DEVELOPMENT, build
from workbench.images.engine import EngineError, find_engine
from workbench.images.exceptions import ExceptionsError, read_exceptions
from workbench.images.programs import ProgramError
from workbench.images.publish import PublishError, publish, write_checksums
from workbench.images.recipe import RecipeError, assistant_recipe, recipes, release_recipe
from workbench.images.sbom import write_bill
from workbench.images.scan import ScanError, Vulnerability, judge, scan
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.images.recipe import Recipe

__all__ = ["main"]

_NAMED = {"release": release_recipe, "assistant": assistant_recipe}
_FAILURES = (EngineError, ExceptionsError, ProgramError, PublishError, RecipeError, ScanError)


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; or 1, with the reason on standard error or with the vulnerabilities that are to be fixed."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(_recipes(chosen.level), chosen))
    except _FAILURES as failure:
        sys.stderr.write(f"{failure}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workbench.images", description="A level's container images.")
    commands = parser.add_subparsers(dest="command", required=True)
    for run, text in ((_build, "build every image"), (_scan, "look for vulnerabilities"), (_publish, "push and sign")):
        command = commands.add_parser(run.__name__.strip("_"), help=text)
        command.add_argument("level", type=_level, help="the level's number; release: a pipeline's tasks; assistant")
        command.add_argument("--tag", default=DEVELOPMENT, help="the local images' tag (default: %(default)s)")
        command.set_defaults(run=run)
    commands.choices["build"].add_argument(
        "--target", default="", help="a stage to build, where a Dockerfile has it: production"
    )
    return parser


def _level(word: str) -> int | str:
    return word if word in _NAMED else int(word)


def _recipes(level: int | str) -> list[Recipe]:
    return recipes(level) if isinstance(level, int) else [_NAMED[level]()]


def _build(found: list[Recipe], chosen: argparse.Namespace) -> int:
    engine = find_engine()
    for recipe in found:
        image = build(engine, recipe, tag=chosen.tag, target=chosen.target)
        say(f"{image}\n  bill of materials: {write_bill(engine, image)}")
    return 0


def _scan(found: list[Recipe], chosen: argparse.Namespace) -> int:
    exceptions = read_exceptions(datetime.now(UTC).date())
    failed = 0
    for image in (f"{recipe.name}:{chosen.tag}" for recipe in found):
        verdict = judge(scan(image), exceptions)
        failed += len(verdict.to_update)
        say(
            f"{image}: {len(verdict.to_update)} to update, {len(verdict.accepted)} accepted for now, "
            f"{len(verdict.unfixed)} without a fix (high or critical)"
        )
        _show("update", verdict.to_update)
        _show("accepted", verdict.accepted)
    return 1 if failed else 0


def _show(word: str, found: Iterable[Vulnerability]) -> None:
    for each in found:
        fixed = ", ".join(each.fixed)
        say(f"  {word}: {each.id} {each.severity}: {each.package} {each.version}, fixed in {fixed}")


def _publish(found: list[Recipe], chosen: argparse.Namespace) -> int:
    engine = find_engine()
    released = [publish(engine, f"{recipe.name}:{chosen.tag}") for recipe in found]
    for each in released:
        say(f"{each.reference}: pushed, signed, with its bill of materials and provenance")
    say(f"digests: {write_checksums(chosen.level, released)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
