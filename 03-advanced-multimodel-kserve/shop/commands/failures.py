"""``make failures-3``: kill parts of the running level under load, one after the other, and see what callers notice.

Each is killed with SIGKILL, as the kernel does when memory runs out; supervisord starts it again, as a kubelet would.
The promise for each: no server error, degraded answers at most, and full recovery within ten seconds. A gateway that
dies takes the payments it was working on with it, because the edge never sends a payment twice; only these may fail.

Exit codes: 0 all promises kept, 1 one was not, 2 the level is not up.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from threading import Thread
from typing import TYPE_CHECKING, Final, NamedTuple

from servekit.errors import ServingError
from servekit.json_file import write_json
from shop.addresses import Addresses
from shop.commands.stack import stack
from shop.endpoints import PAYMENTS
from shop.load.answered import Answered
from shop.load.offering import TIMEOUT_S, Message, engine_for, offer
from shop.load.world_traffic import mixed_messages
from workbench.arguments import positive
from workbench.hardware import hardware_stamp
from workbench.load import Phase
from workbench.stack import StackError, join
from workbench.stack.control import ask
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from workbench.load import Answer
    from workbench.stack import Stack

__all__ = ["VICTIMS", "OfferedLoad", "Outage", "cause", "main"]

VICTIMS: Final = ("triton", "cache", "features", "gateway-0")
_RECOVERY_S: Final = 10.0
_OK = 200


@dataclass
class Outage:
    """What callers noticed of a process that was killed.

    Attributes:
        name: of the process.
        requests: how many were sent after it was killed.
        degraded: answers that a fallback gave.
        failed: server errors, and requests without any answer.
        failed_payments: how many of the failed ones were payments.
        shed: answers of 429.
        recovery_s: from the kill until the last request that did not get a whole answer.
    """

    name: str
    requests: int = 0
    degraded: int = 0
    failed: int = 0
    failed_payments: int = 0
    shed: int = 0
    recovery_s: float = 0.0

    @property
    def as_promised(self) -> bool:
        """Whether callers noticed no more of it than the README promises."""
        allowed = self.failed_payments if self.name.startswith("gateway") else 0
        return self.failed == allowed and self.recovery_s <= _RECOVERY_S


class OfferedLoad(NamedTuple):
    """The load during the failure: its port and messages, requests per second, and seconds that an answer may take."""

    port: int
    messages: Sequence[Message]
    rate_rps: float
    timeout_s: float = TIMEOUT_S


class _Watch:
    """Counts the answers that arrive after the kill."""

    def __init__(self, name: str, quiet_s: float, patience_s: float) -> None:
        self.outage = Outage(name)
        self._quiet_s, self._most_s = quiet_s, patience_s + quiet_s
        self._killed_at = self._last_bad = float("inf")
        self._last_well = 0.0

    def killed(self) -> None:
        self._killed_at = self._last_bad = time.monotonic()

    def on_answer(self, message: Message, answer: Answer) -> None:
        if time.monotonic() < self._killed_at:
            return
        outage, seen = self.outage, Answered.of(answer)
        outage.requests += 1
        outage.degraded += seen.degraded
        outage.failed += seen.failed
        outage.failed_payments += seen.failed and message.request.path == PAYMENTS.path
        outage.shed += seen.status != _OK and not seen.failed
        if seen.status != _OK or seen.degraded:
            self._last_bad = time.monotonic()
            outage.recovery_s = round(self._last_bad - self._killed_at, 2)
        else:
            self._last_well = max(self._last_well, time.monotonic() - answer.latency_s)

    def over(self) -> bool:
        """Whether all has been well for a while, or has not for too long; silence is no sign that it is well.

        It has been for as long as requests got whole answers, by when they were sent: a load that was held up has to
        go on for as long as any other.
        """
        well_s = self._last_well - self._last_bad
        return well_s > self._quiet_s or time.monotonic() - self._killed_at > self._most_s


def cause(
    level: Stack, name: str, load: OfferedLoad, quiet_s: float = 3.0, patience_s: float = 2 * _RECOVERY_S
) -> Outage:
    """Kill one process of a running level under load, and watch until all has been well for `quiet_s`.

    Args:
        level: the running one.
        name: of the process.
        load: what is sent meanwhile.
        quiet_s: how long all must have been well.
        patience_s: when nothing better is expected, in seconds after the kill.

    Raises:
        StackError: the level is not up, or has no such process running.
    """
    states = ask(level)
    pid = states[name].pid if name in states else None
    if pid is None:
        raise StackError(f"{name}: not running: run make up-3")
    watch = _Watch(name, quiet_s, patience_s)
    thread = Thread(target=_offer, args=(load, watch))
    thread.start()
    try:
        time.sleep(1)
        os.kill(pid, signal.SIGKILL)
    finally:
        watch.killed()
        thread.join()
    return watch.outage


def _offer(load: OfferedLoad, watch: _Watch) -> None:
    with engine_for(load.port, load.timeout_s) as engine:
        offer(engine, cycle(load.messages), [Phase(load.rate_rps)], on_answer=watch.on_answer, stop=watch.over)


def main(argv: Sequence[str] | None = None) -> int:
    """Kill each in turn; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m shop.commands.failures", description="Kill parts under load.")
    parser.add_argument("names", nargs="*", default=VICTIMS, help=f"processes ({' '.join(VICTIMS)})")
    parser.add_argument(
        "--rate", type=positive, default=100, metavar="RPS", help="requests per second during the failures (100)"
    )
    options = parser.parse_args(argv)
    console, addresses = make_console(), Addresses()
    try:
        load = OfferedLoad(addresses.port, mixed_messages(addresses, 4000), options.rate)
        outages = [cause(stack(renew=False), name, load) for name in options.names]
    except (StackError, ServingError) as problem:
        console.print(f"error: {problem}", style="red", markup=False, soft_wrap=True)
        return 2
    _print(console, outages)
    result = {"rate_rps": options.rate, "outages": [asdict(each) for each in outages], "hardware": hardware_stamp()}
    write_json(addresses.run_dir / "failures.json", result)
    return 0 if all(outage.as_promised for outage in outages) else 1


def _print(console: Console, outages: Sequence[Outage]) -> None:
    table = make_table(console, "killed", "requests", "degraded", "shed", "server errors", "recovered in", "")
    for outage in outages:
        counts = (outage.requests, outage.degraded, outage.shed, outage.failed)
        mark = "[green]✔[/]" if outage.as_promised else "[red]✘[/]"
        table.add_row(outage.name, *map(str, counts), f"{outage.recovery_s:.1f} s", mark)
    console.print(table)


if __name__ == "__main__":
    join(3, lambda: Addresses().port, Addresses().run_dir)
    sys.exit(main())
