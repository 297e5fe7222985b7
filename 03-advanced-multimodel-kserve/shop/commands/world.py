"""``python -m shop.commands.world``: simulate the shop and write its record and its traffic, without training."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from shop.addresses import Addresses
from shop.models.periods import Periods
from shop.world.chance import stream
from shop.world.record import record_sha256, write_record
from shop.world.recorded_traffic import make_traffic, write_traffic
from shop.world.settings import WorldSettings
from shop.world.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shop.world.simulation import World

__all__ = ["main", "make_world"]

_REQUESTS = 20_000


def main() -> int:
    """Writes ``.run/3/world``; returns the exit code 0."""
    make_world(WorldSettings(), Addresses().run_dir / "world", lambda line: print(line, flush=True))
    return 0


def make_world(settings: WorldSettings, folder: Path, say: Callable[[str], None]) -> World:
    """Simulates, writes the record and the traffic of the test period, and says what there is."""
    began = time.perf_counter()
    world = simulate(settings, lambda part: say(f"  simulating {part}"))
    write_record(world.record, folder)
    since = Periods.of(world.end).validate
    requests = make_traffic(world, stream(settings.seed, "traffic"), since, min(_REQUESTS, settings.events // 2))
    write_traffic(folder / "traffic.parquet", requests)
    took = time.perf_counter() - began
    say(f"world     {settings.users:,} users, {settings.items:,} items, {world.events:,} events in {took:.0f} s")
    say(
        f"          {len(world.views):,} views, {len(world.searches):,} searches,"
        f" {int(world.searches.clicked.sum()):,} clicks, {len(world.payments):,} payments"
        f" of which {int(world.payments.fraud.sum()):,} frauds"
    )
    say(f"          {folder}  sha256 {record_sha256(folder)[:16]}…; {len(requests):,} requests to replay")
    return world


if __name__ == "__main__":
    sys.exit(main())
