"""``make plan-3 QPS=100000 P99_MS=50``: the fleet that the peak needs, and what it costs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from planner.calibration import REFERENCE, load
from planner.fleet import Ask
from planner.picture import draw
from planner.plan import make_plan
from planner.prices import load_prices
from planner.table import print_plan
from servekit.errors import InvalidValueError, ServingError
from servekit.json_file import write_json
from shop.addresses import Addresses
from workbench.arguments import count, not_negative, positive, share
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from planner.calibration import Calibration
    from planner.plan import Plan

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the plan, writes ``plan.json`` and ``plan.svg`` into the run folder; 2 when it cannot be made."""
    options = _parser().parse_args(arguments)
    run_dir = Addresses().run_dir
    try:
        calibration, source = load([run_dir / "calibration.json", REFERENCE])
        plan = make_plan(calibration, source, load_prices(), _ask(options, calibration))
    except ServingError as problem:
        print(problem, file=sys.stderr)
        return 2
    console = make_console()
    print_plan(console, plan)
    for path in _write(plan, run_dir):
        console.print(f"written: {path}", style="dim")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shop.commands.plan", description=__doc__)
    parser.add_argument("--qps", type=positive, default=100_000.0, help="requests a second at the peak")
    parser.add_argument("--p99-ms", type=positive, default=50.0, help="99 of 100 answers within so many milliseconds")
    parser.add_argument("--zones", type=count, default=3, help="zones of a region; the fleet survives the loss of one")
    parser.add_argument(
        "--headroom", type=share, default=0.3, help="share of every pod's time that stays free even then"
    )
    parser.add_argument(
        "--hit-ratio", type=share, help="share answered from the cache, for all cached kinds; default: as measured"
    )
    parser.add_argument("--mix", help='weights, e.g. "recommendations=6 search=3 payments=1"; default: as measured')
    parser.add_argument(
        "--network-ms", type=not_negative, default=0.5, help="milliseconds added at each hop: an assumption"
    )
    parser.add_argument(
        "--ttl-s", type=positive, default=30.0, help="time to live of a cached answer, as SHOP_CACHE_TTL_S"
    )
    parser.add_argument("--replicas", type=count, default=1, help="replicas of each Valkey primary")
    parser.add_argument("--feature-keys", type=count, help="keys in the feature store; default: as measured")
    parser.add_argument("--hardware", choices=("cpu", "gpu"), default="cpu", help="what the models run on")
    parser.add_argument("--assume-gpu-speedup", type=positive, help="cores whose model work one GPU does: your figure")
    return parser


def _ask(options: argparse.Namespace, calibration: Calibration) -> Ask:
    if options.hardware == "gpu" and options.assume_gpu_speedup is None:
        raise InvalidValueError(
            "hardware", "gpu", "expected --assume-gpu-speedup with it: nothing here has measured a GPU"
        )
    mix = _mix(options.mix) if options.mix else calibration.mix
    measured = calibration.hit_ratio
    ratios = {
        kind: measured.get(kind, 0.0) if options.hit_ratio is None else options.hit_ratio
        for kind in mix
        if calibration.cached(kind)
    }
    return Ask(
        qps=options.qps,
        p99_ms=options.p99_ms,
        zones=options.zones,
        headroom=options.headroom,
        mix=mix,
        hit_ratio=ratios,
        network_ms=options.network_ms,
        ttl_s=options.ttl_s,
        replicas=options.replicas,
        feature_keys=options.feature_keys,
        gpu_speedup=options.assume_gpu_speedup if options.hardware == "gpu" else None,
    )


def _mix(text: str) -> dict[str, float]:
    try:
        return {kind: float(weight) for kind, _, weight in (part.partition("=") for part in text.split())}
    except ValueError:
        raise InvalidValueError("mix", text, 'expected kind=weight pairs, e.g. "search=3 payments=1"') from None


def _write(plan: Plan, run_dir: Path) -> list[Path]:
    document, picture = run_dir / "plan.json", run_dir / "plan.svg"
    write_json(document, plan)
    picture.write_text(draw(plan), encoding="utf-8")
    return [document, picture]


if __name__ == "__main__":
    sys.exit(main())
