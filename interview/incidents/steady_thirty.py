"""The fault of ``steady-thirty``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from course.incidents import Objective
from interview.incidents.shop_fault import ShopFault
from servekit.whole_file import write_whole
from shop.serving.envoy.splits import read_splits
from shop.serving.repository import write_repository
from shop.serving.settings import TritonSettings

if TYPE_CHECKING:
    from pathlib import Path

    from course.incidents import Fault

__all__ = ["fault"]

_MODEL = "ranking"
_DELAY = re.compile(r"max_queue_delay_microseconds: (\d+)")
_WAITS_US = 30_000
_LOOK_S = 3.0


class _SteadyThirty(ShopFault):
    objective = Objective(ok=0.9, within_s=0.03)
    mix = {"search": 1.0}  # noqa: RUF012 - read only, as the base class says

    def spoil(self) -> None:
        text = self._config.read_text(encoding="utf-8")
        write_whole(self._config, _DELAY.sub(f"max_queue_delay_microseconds: {_WAITS_US}", text).encode())
        self.level.triton.load(_MODEL)

    def signs(self) -> list[str]:
        stable = read_splits(self.level.addresses.canary_state)[_MODEL].stable
        queue_ms, compute_ms = self.level.triton_ms(_MODEL, stable, _LOOK_S)
        return [
            f"a request for {_MODEL} spends {queue_ms:.1f} ms in Triton's queue and {compute_ms:.1f} ms in the model"
        ]

    def evidence(self) -> list[str]:
        found = _DELAY.search(self._config.read_text(encoding="utf-8"))
        return [f"{self._config}: {found[0] if found else 'no dynamic batching'}"]

    def fix(self) -> None:
        addresses = self.level.addresses
        write_repository(addresses.models_dir, self._config.parent.parent, shards=TritonSettings().shards)
        self.level.triton.load(_MODEL)

    @property
    def _config(self) -> Path:
        return self.level.addresses.run_dir / "triton" / "repository" / _MODEL / "config.pbtxt"


def fault() -> Fault:
    """The fault, not planted yet."""
    return _SteadyThirty()
