"""``make train-3``: simulate the shop, train its three models, judge them, write artefacts and features, register."""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from shop.addresses import Addresses
from shop.artefact import artefact_in
from shop.commands.training_report import print_report
from shop.commands.world import make_world
from shop.endpoints import MODELS
from shop.models.erased import ErasedError, read_erased, without
from shop.models.feature_files import write_features
from shop.models.openmp import OpenMpError
from shop.models.training_steps import fit_fraud, fit_personalisation, fit_ranking
from shop.world.people import DAY
from shop.world.settings import WorldSettings
from workbench.registry import record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shop.models.training_steps import TrainedModel

__all__ = ["main", "train"]

_STEPS = {"ranking": fit_ranking, "fraud": fit_fraud, "personalisation": fit_personalisation}


def main() -> int:
    """Trains below SHOP_RUN_DIR; 0, or 1 with one line that says why it cannot."""
    try:
        train(WorldSettings(), run_dir := Addresses().run_dir, processes=2)
    except (ErasedError, OpenMpError) as error:
        print(error, file=sys.stderr)
        return 1
    record([artefact_in(run_dir / "models" / model / "1") for model in MODELS], print)
    return 0


def train(settings: WorldSettings, run_dir: Path, processes: int = 1) -> None:
    """Writes ``world``, ``models``, ``evaluation`` and ``features`` below ``run_dir``.

    Args:
        settings: the world's size and seed; the same ones give the same graphs and features, byte for byte.
        run_dir: where everything goes.
        processes: that train at once; each on one thread, so that sums do not depend on how many cores there are.

    Raises:
        ErasedError: the list of the erased cannot be read.
        OpenMpError: LightGBM cannot run on this machine.
    """
    began = time.perf_counter()
    say = partial(_say, began)
    world = make_world(settings, run_dir / "world", print)
    trained = _fit(run_dir, processes, say)
    blocks: dict[str, Any] = {}
    for each in trained.values():
        blocks |= each.blocks
    users = trained["personalisation"].users_after(blocks.pop("users"))
    popular, as_of = trained["personalisation"].popular, trained["ranking"].as_of
    known = without({**blocks, "u:": users}, read_erased(run_dir))
    generation = write_features(run_dir / "features", known, popular, as_of)
    print_report([trained[name] for name in MODELS], run_dir)
    print(
        f"features  {run_dir / 'features'}  as of day {as_of // DAY} of {world.end // DAY}  sha256 {generation[:16]}…"
    )
    print(f"trained in {time.perf_counter() - began:.0f} s")


def _fit(run_dir: Path, processes: int, say: Callable[[str], None]) -> dict[str, TrainedModel]:
    """What each model's training leaves; ranking takes longest, so it goes first."""
    if processes == 1:
        return {name: _one(name, run_dir, say) for name in MODELS}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        running = {name: pool.submit(_one, name, run_dir, say) for name in MODELS}
        return {name: future.result() for name, future in running.items()}


def _one(name: str, run_dir: Path, say: Callable[[str], None]) -> TrainedModel:
    with threadpool_limits(1):
        return _STEPS[name](run_dir, partial(_about, say, name))


def _about(say: Callable[[str], None], name: str, line: str) -> None:
    say(f"{name}: {line}")


def _say(began: float, line: str) -> None:
    """A line of progress; CLOCK_MONOTONIC is the same in every process of a machine."""
    print(f"  {time.perf_counter() - began:5.1f} s  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
