"""The fault of ``fallbacks``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from interview.incidents.background import Background
from interview.incidents.sales_report import NAME
from interview.incidents.shop_fault import ShopFault
from shop.serving.stores import connect

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_REPORT = Path(__file__).with_name("sales_report.py")


class _Fallbacks(ShopFault):
    rate_rps = 40.0
    mix = {"search": 0.6, "payments": 0.2, "recommendations": 0.2}  # noqa: RUF012 - read only, as the base class says

    def __init__(self) -> None:
        super().__init__()
        self._report = Background(_REPORT, self.level.stack_home / "sales_report.pid")

    def spoil(self) -> None:
        self._report.start()

    def signs(self) -> list[str]:
        counted = self.level.counts("serving_degraded_total", self.level.gateway_ports, reason="features_unavailable")
        return [f"the gateways have counted {sum(counted):.0f} degraded answers, reason features_unavailable"]

    def evidence(self) -> list[str]:
        lines = []
        with suppress(RedisError, OSError), connect(self.level.addresses, "features") as client:
            slowest = max(client.slowlog_get(10), key=lambda entry: entry["duration"], default=None)
            if slowest:
                command = " ".join(slowest["command"].decode(errors="replace").split())[:50]
                lines.append(f"SLOWLOG GET: {slowest['duration'] / 1000:.0f} ms for {command} …")
            names = [each["name"] for each in client.client_list()]
            lines.append(f"CLIENT LIST: {NAME} is {'connected' if NAME in names else 'not connected any more'}")
        return lines

    def fix(self) -> None:
        self._report.kill()

    def clean(self) -> None:
        self._report.stop()


def fault() -> Fault:
    """The fault, not planted yet."""
    return _Fallbacks()
