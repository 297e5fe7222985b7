"""The fault of ``slow-store``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from interview.incidents.shop_fault import ShopFault
from interview.incidents.store_job import find_jobs, start_job, stop_jobs
from shop.serving.stores import connect

if TYPE_CHECKING:
    import subprocess

    from course.incidents import Fault

__all__ = ["fault"]

_JOB = "sales-report"


class _SlowStore(ShopFault):
    _job: subprocess.Popen[bytes] | None = None

    def spoil(self) -> None:
        self._job = start_job(_JOB)

    def signs(self) -> list[str]:
        counted = self.level.counts("serving_degraded_total", self.level.gateway_ports, reason="features_unavailable")
        return [f"the gateways have counted {sum(counted):.0f} degraded answers, reason features_unavailable"]

    def evidence(self) -> list[str]:
        lines = [f"process {job.pid} runs {' '.join(job.cmdline()[1:])}" for job in find_jobs(_JOB)]
        with suppress(RedisError, OSError), connect(self.level.addresses, "features") as client:
            slowest = max(client.slowlog_get(10), key=lambda entry: entry["duration"], default=None)
            if slowest:
                command = " ".join(slowest["command"].decode(errors="replace").split())[:60]
                lines.append(f"SLOWLOG GET: {slowest['duration'] / 1000:.0f} ms for {command} …")
            lines += [
                f"CLIENT LIST: {each['name'] or 'a client without a name'}, user {each['user']}, last {each['cmd']}"
                for each in client.client_list()
                if each["user"] == "operator" and each["name"]
            ]
        return lines or ["nobody but the gateways and the loader is connected: well repaired"]

    def fix(self) -> None:
        stop_jobs(_JOB)
        if self._job is not None:
            self._job.wait()


def fault() -> Fault:
    """The fault, not planted yet."""
    return _SlowStore()
