"""The fault of ``coin-toss``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from interview.incidents.shop_fault import ShopFault

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_VICTIM = "gateway-1"
_DEADLINE_MS = "0.45"


class _CoinToss(ShopFault):
    def spoil(self) -> None:
        self.level.restart_with(_VICTIM, SHOP_DEADLINE_MS=_DEADLINE_MS)

    def signs(self) -> list[str]:
        counted = self.level.counts("serving_degraded_total", self.level.gateway_ports)
        return [f"the gateways have counted {sum(counted):.0f} degraded answers; both are ready"]

    def evidence(self) -> list[str]:
        lines = []
        ports = self.level.gateway_ports
        degraded = self.level.counts("serving_degraded_total", ports)
        answered = self.level.counts("serving_requests_total", ports, result="answered")
        for number, found in enumerate(zip(degraded, answered, strict=True)):
            chosen = psutil.Process(self.level.pid(f"gateway-{number}")).environ().get("SHOP_DEADLINE_MS", "not set")
            lines.append(
                f"gateway-{number}: {found[0]:.0f} of {found[1]:.0f} answers degraded; SHOP_DEADLINE_MS is {chosen}"
            )
        return lines

    def fix(self) -> None:
        """What ``make up-3`` does, but for this gateway alone."""
        self.level.restart_as_usual(_VICTIM)


def fault() -> Fault:
    """The fault, not planted yet."""
    return _CoinToss()
