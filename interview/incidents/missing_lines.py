"""The fault of ``missing-lines``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psutil

from interview.incidents.shop_fault import ShopFault
from workbench.stack import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from course.incidents import Fault

__all__ = ["fault"]

_NO_MORE_BYTES = 1
_AUDIT = re.compile(r'audit log \S+: [^"]+')


class _MissingLines(ShopFault):
    mix = {"payments": 1.0}  # noqa: RUF012 - read only, as the base class says

    def obstacle(self) -> str | None:
        if not hasattr(psutil.Process, "rlimit"):
            return "this system cannot limit the files of a process that runs: a Linux can"
        return super().obstacle()

    def spoil(self) -> None:
        for gateway in self._gateways():
            _, hard = gateway.rlimit(psutil.RLIMIT_FSIZE)
            gateway.rlimit(psutil.RLIMIT_FSIZE, (_NO_MORE_BYTES, hard))

    def signs(self) -> list[str]:
        return [f"{self._waiting():,.0f} bytes of the audit log wait for the disk"]

    def evidence(self) -> list[str]:
        lines = []
        for number, gateway in enumerate(self._gateways()):
            soft, _ = gateway.rlimit(psutil.RLIMIT_FSIZE)
            size = "any size" if soft == psutil.RLIM_INFINITY else f"at most {soft} bytes"
            lines.append(f"prlimit --pid {gateway.pid} --fsize: gateway-{number} may write files of {size}")
        for line in logs.tail(self.level.stack.log_file("gateway-0"), 200):
            if found := _AUDIT.search(line):
                lines.append(f"gateway-0 logged: {found[0]}")
                break
        return lines

    def breach(self) -> str | None:
        waiting = self._waiting()
        return self.caller.breach() or (f"{waiting:,.0f} bytes of the audit log wait for the disk" if waiting else None)

    def fix(self) -> None:
        for gateway in self._gateways():
            _, hard = gateway.rlimit(psutil.RLIMIT_FSIZE)
            gateway.rlimit(psutil.RLIMIT_FSIZE, (hard, hard))

    def _waiting(self) -> float:
        return sum(self.level.counts("serving_audit_waiting_bytes", self.level.gateway_ports))

    def _gateways(self) -> Iterator[psutil.Process]:
        for number in range(self.level.addresses.gateways):
            yield psutil.Process(self.level.pid(f"gateway-{number}"))


def fault() -> Fault:
    """The fault, not planted yet."""
    return _MissingLines()
