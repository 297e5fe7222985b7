"""``make sla-assistant``: streams at the promised rate through the edge, and a verdict on what their readers saw.

``SHOP_API_KEY`` is the key that it sends to a level that asks for one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import msgspec

from assistant.load.engine_alone import ShortAnswerError, cancellations, item_facts, own_answers
from assistant.load.promise import StreamPromise, judge, percentile, read_promise
from assistant.load.quality import questions, right
from assistant.load.streams import Seen, offer
from assistant.settings import socket_path
from servekit.json_file import write_json
from shop.addresses import Addresses
from shop.endpoints import CHAT
from shop.serving.envoy.splits import Split, read_splits
from workbench.arguments import positive
from workbench.hardware import hardware_stamp
from workbench.stack import join
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant.load.promise import PromiseLine

__all__ = ["main"]

_TOML = Path(__file__).parents[1] / "sla.toml"
_RESULT = Path(".run/sla/assistant.json")
_CANCELLATIONS = 5
_SEED = 11
_OK = 200


def main(argv: Sequence[str] | None = None) -> int:
    """0 when the promise was kept, 1 when it was not, 2 when nothing answers or nothing can be measured."""
    parser = argparse.ArgumentParser(prog="make sla-assistant", description=__doc__.split("\n")[0])
    parser.add_argument("--rate", type=positive, metavar="RPS", help="another rate than the promise's")
    parser.add_argument("--duration", type=positive, metavar="S", help="another duration")
    options = parser.parse_args(argv)
    promise = read_promise(_TOML)
    load = msgspec.structs.replace(
        promise.load,
        rate_rps=options.rate or promise.load.rate_rps,
        duration_s=options.duration or promise.load.duration_s,
    )
    promise = msgspec.structs.replace(promise, load=load)
    try:
        rows, seen = asyncio.run(_measure(promise))
    except (httpx.HTTPError, OSError) as error:
        say(
            f"{error or type(error).__name__}: run make up-3 WITH=assistant, then make logs-3 WITH=assistant",
            stderr=True,
        )
        return 2
    except ShortAnswerError as error:
        say(f"cancellation cannot be measured: {error}", stderr=True)
        return 2
    _show(promise, rows, seen)
    return 0 if all(row.kept for row in rows) else 1


async def _measure(promise: StreamPromise) -> tuple[list[PromiseLine], list[Seen]]:
    addresses, load = Addresses(), promise.load
    stable = read_splits(addresses.canary_state).get(CHAT.model, Split()).stable
    url, path = f"http://127.0.0.1:{addresses.port}", socket_path(addresses.run_dir, stable)
    asked = questions(load.answer_tokens, load.items)
    expected = await own_answers(path, addresses.features_dir, asked)
    took = await cancellations(url, path, asked[0].item, _CANCELLATIONS)
    seen = await offer(url, load.rate_rps, load.duration_s, asked, _SEED)
    facts = item_facts(addresses.features_dir, {each.item for each in asked})
    return judge(promise, seen, expected, right(expected, facts), took), seen


def _show(promise: StreamPromise, rows: Sequence[PromiseLine], seen: Sequence[Seen]) -> None:
    console, load = make_console(), promise.load
    answered = [each for each in seen if each.status == _OK]
    tokens = sum(each.tokens[1] for each in answered), sum(each.tokens[0] for each in answered)
    console.print(
        f"{len(seen)} requests at {load.rate_rps:g} a second, {len(answered)} answered: "
        f"{tokens[1]} tokens in, {tokens[0]} out, first token p50 "
        f"{percentile([each.first_s for each in answered], 0.5) * 1e3:.0f} ms"
    )
    table = make_table(console, "promise", "measured", "promised", "", numbers=[1, 2])
    for what, measured, promised, kept in rows:
        table.add_row(what, f"{measured:.4g}", f"{promised:.4g}", "kept" if kept else "broken")
    console.print(table)
    verdict = "kept" if all(row.kept for row in rows) else "broken"
    console.print(f"verdict: {verdict}")
    result = {
        "rate_rps": load.rate_rps,
        "duration_s": load.duration_s,
        "requests": len(seen),
        "answered": len(answered),
        "tokens_in": tokens[1],
        "tokens_out": tokens[0],
        "first_token_p50_ms": percentile([each.first_s * 1e3 for each in answered], 0.5),
        "rows": [row._asdict() for row in rows],
        "verdict": verdict,
        "hardware": hardware_stamp(),
    }
    write_json(_RESULT, result)


if __name__ == "__main__":
    join(3, lambda: Addresses().port, Addresses().run_dir)
    sys.exit(main())
