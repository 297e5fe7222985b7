"""``make client-2`` shows recommendations for users of MovieLens, and checks every user's answer against NumPy's."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Any

import httpx
from rich.text import Text

from recommender.adapters.artefact import Artefact, ArtefactError
from recommender.adapters.inventory import Inventory
from recommender.settings import RecommenderSettings
from recommender.training.golden import Golden
from servekit.errors import ServingError
from servekit.loopback import client
from workbench.stack import elsewhere, join
from workbench.terminal import make_console, make_table, printable, say

if TYPE_CHECKING:
    from recommender.domain.catalogue import Catalogue

__all__ = ["main"]

_PATH = "/api/v1.0/predictions"
_K = 5
_AT_ONCE = 4
_SHOWN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("user 196", {"user": 196}),
    ("user 196, Comedy", {"user": 196, "genre": "Comedy"}),
    ("likes Star Wars and Alien", {"ratings": [{"item": 50, "rating": 5}, {"item": 183, "rating": 5}]}),
    ("a stranger", {"user": 1_000_000}),
)


def main() -> int:
    """The exit status: 0 when all answers are right, 1 when one is wrong, 2 without any.

    ``CLIENT_USERS`` limits the number of users, for a try-out. ``URL`` names a pipeline elsewhere; its inventory, which
    says what is out of stock, is then at ``RECOMMENDER_VALKEY_HOST`` and ``RECOMMENDER_VALKEY_PORT``.
    """
    settings = RecommenderSettings()
    url = elsewhere()
    base_url = url or f"http://127.0.0.1:{settings.port}"
    remedy = "run make up-2, then make logs-2"
    if url is not None:
        remedy = f"is level 2 there, and its inventory at {settings.valkey_host}:{settings.valkey_port}?"
    try:
        catalogue = Artefact(settings.stable_dir).catalogue()
        golden = Golden(settings.served_dirs)
        with client(base_url=base_url, timeout=10) as http:
            _show(http)
            inventory = Inventory(settings.inventory_url, catalogue, timeout_s=5, login=settings.inventory_login)
            return _check_all(http, golden, set(inventory.out()), catalogue)
    except (httpx.HTTPError, ServingError, ArtefactError) as error:
        say(f"{base_url}: {error}: {remedy}", stderr=True)
        return 2


def _show(http: httpx.Client) -> None:
    console = make_console()
    table = make_table(console, "for", "recommended", "score", numbers=[2])
    for who, wanted in _SHOWN:
        answer = http.post(_PATH, json={"jsonData": {**wanted, "k": _K}}).raise_for_status().json()
        for place, item in enumerate(answer["jsonData"]["items"]):
            table.add_row("" if place else who, Text(printable(item["title"])), f"{item['score']:.3f}")
    console.print(table)


def _check_all(http: httpx.Client, golden: Golden, out: set[int], catalogue: Catalogue) -> int:
    def check(user: int) -> str | None:
        answer = http.post(_PATH, json={"jsonData": {"user": user}}).raise_for_status()
        return golden.check(user, 10, out, answer.content)

    users = golden.users[: int(os.environ.get("CLIENT_USERS", len(golden.users)))]
    began = perf_counter()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        wrong = [problem for problem in pool.map(check, users) if problem]
    rate = len(users) / (perf_counter() - began)
    print(f"{len(users)} users, {len(out)} of {len(catalogue):,} items out of stock, {rate:.0f} answers/s")
    for problem in wrong[:5]:
        say(problem)
    print(f"{len(wrong)} answers are wrong" if wrong else "every answer matches NumPy's")
    return 1 if wrong else 0


if __name__ == "__main__":
    join(2, lambda: RecommenderSettings().port, anywhere=True)
    sys.exit(main())
