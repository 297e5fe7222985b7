"""``make erase-3 ID=7``: erases a person's data from what the level serves with, and says what stays, and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from shop.addresses import Addresses
from shop.models.erased import ErasedError
from shop.serving.erasure import ErasureError, await_store, erase_answers, erase_features, find_person
from shop.serving.feature_set import FeatureSetError
from shop.world.record import RecordError
from workbench.arguments import positive
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_LARGEST = 2**31 - 1  # as the API takes ids


def main(argv: Sequence[str] | None = None) -> int:
    """Erases one person; 0, or 1 with the reason. It may be repeated: what is erased stays so."""
    parser = argparse.ArgumentParser(prog="make erase-3", description=__doc__.split("\n")[0])
    parser.add_argument("user", type=_user, help="the person's id")
    parser.add_argument("--timeout", type=positive, default=30.0, metavar="S", help="for the store to follow (30)")
    options = parser.parse_args(argv)
    try:
        _erase(options.user, Addresses(), options.timeout)
    except (ErasedError, ErasureError, FeatureSetError, RecordError) as error:
        say(f"error: {error}", stderr=True)
        return 1
    except OSError as error:  # the list is written before the features: the next run goes on from there
        say(f"error: {error.filename}: {error.strerror}: free some space, then repeat this", stderr=True)
        return 1
    return 0


def _erase(user: int, addresses: Addresses, timeout_s: float) -> None:
    person = find_person(user, addresses.run_dir / "world")
    own = ", ".join(f"{len(person.ids[prefix])} {name}" for prefix, name in _OWN.items())
    say(f"person    user {user}: {person.payments} payments; nobody else used {own}")
    generation = erase_features(addresses.run_dir, person)
    rows = sum(map(len, person.ids.values()))
    say(f"features  {rows} rows hold nothing now; generation {generation[:12]}")
    say(f"store     {_STORE[await_store(addresses, generation, timeout_s)]}")
    answers = erase_answers(addresses)
    said = "not running, so it holds nothing" if answers is None else f"{answers} answers of older features deleted"
    say(f"cache     {said}")
    say("gateways  forget the answers that they remember as soon as they see the new features")
    say(f"stays     {_STAYS}")


def _user(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _LARGEST:
        raise argparse.ArgumentTypeError(f"user {text!r}: expected a whole number from 0 to {_LARGEST}")
    return int(text)


_OWN = {"c:": "cards", "d:": "devices", "p:": "addresses"}
_STORE = {True: "follows", False: "not running, so it holds nothing"}
_STAYS = "the shop's own record, and what models learned of it until the next training: SECURITY.md, Privacy"

if __name__ == "__main__":
    raise SystemExit(main())
