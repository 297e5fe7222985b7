"""``make stock-2 OUT="50 172" IN="50" LIST=1`` sets and lists the items out of stock; the next request sees it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from recommender.adapters.artefact import Artefact, ArtefactError
from recommender.adapters.inventory import Inventory
from recommender.settings import RecommenderSettings
from servekit.errors import ServingError
from workbench.stack import join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recommender.domain.catalogue import Catalogue

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 with one line about an unknown item, or an inventory or a catalogue that is missing."""
    chosen = _parser().parse_args(arguments)
    settings = RecommenderSettings()
    try:
        catalogue = Artefact(settings.stable_dir).catalogue()
        inventory = Inventory(settings.inventory_url, catalogue, timeout_s=5, login=settings.inventory_login)
        for items, out in ((chosen.out, True), (chosen.back, False)):
            if items:
                inventory.set_out(items, out=out)
                _print(items, "out of stock" if out else "in stock", catalogue)
        if chosen.list or not (chosen.out or chosen.back):
            missing = inventory.out()
            _print(missing, "out of stock", catalogue)
            print(f"{len(missing)} of {len(catalogue)} items are out of stock")
    except (ServingError, ArtefactError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make stock-2", description="Set and list the items that are out of stock.")
    parser.add_argument("--out", type=_ids, default=[], metavar="'50 172'", help="items to mark as out of stock")
    parser.add_argument("--in", type=_ids, default=[], dest="back", metavar="'50'", help="items to mark as in stock")
    parser.add_argument("--list", action="store_true", help="list the items that are out of stock (the default)")
    return parser


def _ids(text: str) -> list[int]:
    return [int(word) for word in text.replace(",", " ").split()]


def _print(items: Sequence[int], state: str, catalogue: Catalogue) -> None:
    for item in items:
        print(f"{state:12s} {item:5d}  {catalogue.items[catalogue.position[item]].title}")


if __name__ == "__main__":
    join(2, lambda: RecommenderSettings().valkey_port)
    sys.exit(main())
