"""The file of measurements that every plan is computed from, with the machine and the date of the measuring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from planner.machine import Machine
from servekit.errors import InvalidValueError
from workbench.hardware import HardwareStamp

__all__ = [
    "REFERENCE", "Calibration", "Comparison", "Cost", "HeldOut", "Noise", "Profile", "StoreSize", "load",
]  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Sequence

REFERENCE: Final = Path(__file__).with_name("reference.json")
"""The calibration that is shipped, so that a plan can be made before anybody has measured."""

NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """CPU of a request in microseconds, by process: edge, gateway, triton, features, cache, generator.

    Measured while all of these together kept the machine as busy as ``utilisation`` says, 1.0 = all cores.
    """

    utilisation: Share
    cpu_us: dict[str, NotNegative]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of request, all answered from the cache (``hit``) or none (``miss``), measured alone.

    Attributes:
        model: the one that answers this kind; its pods in the plan are named for it.
        rate_rps: a low one, at which the ``quiet`` cost and the times were measured.
        busy: the cost at a rate that keeps the machine busy.
        latency_ms: evenly spaced quantiles from 0 to 100 % of the time from intended start to last byte.
        delay_ms: likewise, what is left of it once CPU and queueing at that rate are taken out: wake-ups, the host.
        wire_bytes: bytes over all hops together, both ways; of these ``edge_bytes`` between client and edge, and of
            these ``answer_bytes`` in the answer's body.
    """

    kind: str
    model: str
    result: Literal["hit", "miss"]
    requests: int
    rate_rps: Positive
    quiet: Cost
    busy: Cost
    latency_ms: Annotated[list[float], msgspec.Meta(min_length=2)]
    delay_ms: Annotated[list[float], msgspec.Meta(min_length=2)]
    edge_bytes: NotNegative
    answer_bytes: NotNegative
    wire_bytes: NotNegative

    def cpu_us(self, utilisation: float) -> dict[str, float]:
        """The cost while the machine is this busy: a process that was asleep when a request came pays for waking up.

        That costs more the more cores sleep, so the cost falls with the square of what is idle. Never more than was
        measured when the machine was quiet.
        """
        quiet, busy, now = ((1 - share) ** 2 for share in (self.quiet.utilisation, self.busy.utilisation, utilisation))
        awake = max(quiet - now, 0.0) / (quiet - busy) if quiet > busy else 0.0
        return {
            name: max(asleep + awake * (self.busy.cpu_us.get(name, 0.0) - asleep), 0.0)
            for name, asleep in self.quiet.cpu_us.items()
        }


class StoreSize(msgspec.Struct, frozen=True):
    """A Valkey as found: how many keys, and bytes of memory for each, the server's own overhead included."""

    keys: int
    bytes_per_key: NotNegative


_NOISY_STALLED: Final = 0.01
_NOISY_STEAL: Final = 0.02
_NOISY_OTHERS: Final = 0.1


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """The host's disturbance of a process that only reads the clock: stalls of 0.2 ms or longer before each round.

    ``others`` is the share of the machine that other programs used during the measurement. ``noisy`` when more than 1 %
    of the time was lost in stalls, the hypervisor took 2 % of the CPU, or others used a tenth of it.
    """

    stalled: Share
    longest_ms: NotNegative
    stalls_per_s: NotNegative
    steal: Share
    others: NotNegative = 0.0

    @property
    def noisy(self) -> bool:
        """Whether the latencies say more about the host than about the stack."""
        return self.stalled > _NOISY_STALLED or self.steal >= _NOISY_STEAL or self.others > _NOISY_OTHERS


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the held-out run: measured, as simulated, and in closed form where that says anything."""

    figure: str
    measured: float
    simulated: float
    closed_form: float | None = None

    @property
    def simulated_error(self) -> float:
        """The simulation's error relative to the measurement: +0.1 is a tenth too much."""
        return self.simulated / self.measured - 1 if self.measured else 0.0

    @property
    def closed_form_error(self) -> float | None:
        """The closed form's error, likewise; ``None`` where it says nothing."""
        return self.closed_form / self.measured - 1 if self.closed_form is not None and self.measured else None


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that the calibration did not see: another rate, the whole mix. Predicted, then compared."""

    rate_rps: float
    requests: int
    mix: dict[str, float]
    hit_ratio: dict[str, float]
    rounds_p99_ms: list[float]
    comparisons: list[Comparison]


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """The document in ``.run/3/calibration.json`` and in ``reference.json``.

    Attributes:
        cores, gateways: of the machine that was measured, load generator included.
        idle_cpu: cores that each process uses while nobody asks anything.
        hit_ratio: of each kind that is cached, as the scenario's own traffic found it.
        rss_mb: resident memory of one instance of each process.
    """

    schema: Literal[3] = 3
    profiles: Annotated[list[Profile], msgspec.Meta(min_length=1)]
    mix: dict[str, Positive]
    hit_ratio: dict[str, Share]
    cores: Annotated[int, msgspec.Meta(ge=1)]
    gateways: Annotated[int, msgspec.Meta(ge=1)]
    idle_cpu: dict[str, NotNegative]
    rss_mb: dict[str, NotNegative]
    features: StoreSize
    cache: StoreSize
    noise: Noise
    held_out: HeldOut | None = None
    hardware: HardwareStamp
    date: str
    command: str
    note: str = ""

    @property
    def machine(self) -> Machine:
        """What was measured, with the other programs that ran on it: as many threads as they kept cores busy."""
        return Machine(self.cores, self.gateways, self.noise.others * self.cores)

    def profile(self, kind: str, result: str) -> Profile:
        """The profile of a kind; that of a miss where it is never answered from the cache.

        Raises:
            InvalidValueError: the kind was not measured.
        """
        found: dict[str, Profile] = {profile.result: profile for profile in self.profiles if profile.kind == kind}
        if "miss" not in found:
            known = ", ".join(sorted({profile.kind for profile in self.profiles}))
            raise InvalidValueError("kind", kind, f"expected one that was measured: {known}")
        return found.get(result) or found["miss"]

    def cached(self, kind: str) -> bool:
        """Whether the gateway ever answers this kind from its cache."""
        return any(profile.kind == kind and profile.result == "hit" for profile in self.profiles)


def load(paths: Sequence[Path]) -> tuple[Calibration, Path]:
    """The calibration in the first of these files that exists, and which file that was.

    Raises:
        InvalidValueError: none exists, or the file is not a calibration of this schema.
    """
    for path in paths:
        if path.exists():
            try:
                return msgspec.json.decode(path.read_bytes(), type=Calibration), path
            except msgspec.DecodeError as problem:
                raise InvalidValueError(
                    "calibration", str(path), f"{problem}: run make calibrate-3, which writes it"
                ) from None
    raise InvalidValueError("calibration", None, f"expected one of {', '.join(map(str, paths))}: run make calibrate-3")
