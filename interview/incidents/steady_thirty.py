"""The fault of ``steady-thirty``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from course.incidents import Objective
from interview.incidents.shop_fault import ShopFault
from servekit.whole_file import write_whole
from shop.serving.repository import write_repository
from shop.serving.settings import TritonSettings

if TYPE_CHECKING:
    from pathlib import Path

    from course.incidents import Fault

__all__ = ["fault"]

_MODEL = "ranking"
_DELAY = re.compile(r"max_queue_delay_microseconds: (\d+)")
_WAITS_US = 30_000


class _SteadyThirty(ShopFault):
    objective = Objective(within_s=0.03)
    mix = {"search": 1.0}  # noqa: RUF012 - read only, as the base class says

    def spoil(self) -> None:
        text = self._config.read_text(encoding="utf-8")
        write_whole(self._config, _DELAY.sub(f"max_queue_delay_microseconds: {_WAITS_US}", text).encode())
        self.level.triton.load(_MODEL)

    def signs(self) -> list[str]:
        queue, compute, count = (
            sum(self.level.counts(f"nv_inference_{name}", self.level.triton_ports, model=_MODEL))
            for name in ("queue_duration_us", "compute_infer_duration_us", "request_success")
        )
        return [
            f"since Triton loaded {_MODEL}: {queue / max(count, 1) / 1e3:.1f} ms in its queue for a request, "
            f"{compute / max(count, 1) / 1e3:.1f} ms of computing"
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
