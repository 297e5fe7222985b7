"""``python -m workbench.images build N``: build level N's images; of each, say its size and write its parts."""

from __future__ import annotations

import argparse
import sys

from workbench.images.build import DEVELOPMENT, build
from workbench.images.engine import EngineError, find_engine
from workbench.images.recipe import RecipeError, recipes
from workbench.images.sbom import write_bill

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 with one line on standard error that says what is missing and the remedy."""
    parser = argparse.ArgumentParser(prog="python -m workbench.images", description="Build container images.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("build", help="build every image of a level")
    command.add_argument("level", type=int, help="the level's number")
    command.add_argument("--tag", default=DEVELOPMENT, help="the images' tag (default: %(default)s)")
    command.add_argument("--target", default="", help="a stage to build, where a Dockerfile has it: production")
    chosen = parser.parse_args(arguments)
    try:
        found = recipes(chosen.level)
        engine = find_engine()
        for recipe in found:
            image = build(engine, recipe, tag=chosen.tag, target=chosen.target)
            sys.stdout.write(f"{image}\n  bill of materials: {write_bill(engine, image)}\n")
    except (EngineError, RecipeError) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
