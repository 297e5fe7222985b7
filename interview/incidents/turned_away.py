"""The fault of ``turned-away``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil

from interview.incidents.shop_fault import ShopFault

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_PARTS = 4
_ONE = {"SHOP_LIMIT": "1", "SHOP_LIMIT_MIN": "1", "SHOP_LIMIT_MAX": "1"}


class _TurnedAway(ShopFault):
    rate_rps = 8.0

    def __init__(self) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(_PARTS * 8)

    def spoil(self) -> None:
        for number in range(self.level.addresses.gateways):
            self.level.restart_with(f"gateway-{number}", **_ONE)

    def call(self) -> int | str:
        """A page asks for several things at once; it is as good as the worst of their answers."""
        parts = list(self._pool.map(lambda _: super(_TurnedAway, self).call(), range(_PARTS)))
        return next((part for part in parts if not str(part).startswith("2")), parts[0])

    def signs(self) -> list[str]:
        shed = sum(self.level.counts("serving_shed_total", self.level.gateway_ports, reason="limit"))
        busy = sum(self._cpu(number) for number in range(self.level.addresses.gateways))
        return [f"the gateways have shed {shed:.0f} requests, reason limit", f"together they use {busy:.1%} of a core"]

    def evidence(self) -> list[str]:
        limits = self.level.counts("serving_concurrency_limit", self.level.gateway_ports)
        chosen = psutil.Process(self.level.pid("gateway-0")).environ().get("SHOP_LIMIT_MAX", "not set")
        shown = " and ".join(f"{limit:.0f}" for limit in limits)
        return [f"serving_concurrency_limit is {shown}; SHOP_LIMIT_MAX of gateway-0 is {chosen}"]

    def fix(self) -> None:
        self.level.heal()

    def restore(self) -> None:
        self._pool.shutdown()
        super().restore()

    def _cpu(self, number: int) -> float:
        return float(psutil.Process(self.level.pid(f"gateway-{number}")).cpu_percent(0.5)) / 100


def fault() -> Fault:
    """The fault, not planted yet."""
    return _TurnedAway()
