"""What a designed fleet must hold: one day's traffic, its promise, its budget and what goes wrong that day."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from planner.prices import InstanceType
from servekit.errors import InvalidValueError

__all__ = ["BadRelease", "DayRequirements", "DaySpike", "Place", "ServedModel", "load_instances", "load_requirements"]

_INSTANCES: Final = Path(__file__).with_name("instances.toml")

Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown fields are errors."""


class ServedModel(_Strict, frozen=True, kw_only=True):
    """A model, in terms of a kind of request that was measured.

    Attributes:
        like: the kind of the calibration whose work and times it has.
        work: how heavy the model is beside that one's, 1 = as heavy. An assumption wherever it is not 1.
        keys: how many different requests there are; 0 where an answer must never come from a cache.
        skew: exponent of Zipf's law: the k-th most frequent request comes k^-skew times as often as the first.
        memory_gib: of the model in each replica.
    """

    name: str
    like: Literal["recommendations", "search", "payments"]
    share: Share
    work: Positive = 1.0
    keys: Annotated[int, msgspec.Meta(ge=0)] = 0
    skew: NotNegative = 0.8
    memory_gib: NotNegative = 0.1


class Place(_Strict, frozen=True, kw_only=True):
    """Where users are: their share of all requests, and how many hours their day is behind the first region's."""

    name: str
    share: Share
    hours: float = 0.0


class DaySpike(_Strict, frozen=True, kw_only=True):
    """The rate rises to ``factor`` times what it would be within ``ramp_s`` and stays for ``minutes``."""

    factor: Positive
    ramp_s: NotNegative = 60.0
    minutes: Positive = 20.0


class BadRelease(_Strict, frozen=True, kw_only=True):
    """The version of that day: this share of its answers is an error, and its model takes ``slower`` times as long.

    A version, good or bad, must be everywhere within ``within_h`` hours. Where no canary stops it, it is taken back
    ``by_hand_s`` after it was everywhere: an alert fires, somebody wakes up, looks and rolls back.
    """

    errors: Share
    slower: Positive = 1.0
    within_h: Positive = 3.0
    by_hand_s: Positive = 1800.0


class DayRequirements(_Strict, frozen=True, kw_only=True):
    """The requirements of one design task.

    Attributes:
        peak_rps: requests a second at the peak, all regions together.
        night: the quietest hour's share of that.
        p99_ms: 99 of 100 answers within so many milliseconds, as the user's network sees the edge.
        answered: share of the requests that must get an answer.
        budget_per_day: dollars.
        survive: what is lost for an hour, a zone of the first region or all of it.
        start_s: from an autoscaler's decision until a new replica answers, its machine included.
        fresh_s: how old an answer from the cache may be.
        between_ms: added for users who are served in another region.
        most_replicas: that the account may have in a region.
    """

    peak_rps: Positive
    night: Share
    peak_hour: Annotated[float, msgspec.Meta(ge=10, le=22)] = 20.0
    p99_ms: Positive
    answered: Share = 0.999
    budget_per_day: Positive
    survive: Literal["zone", "region"] = "zone"
    start_s: Positive = 60.0
    fresh_s: Positive = 60.0
    between_ms: NotNegative = 80.0
    zones: Annotated[int, msgspec.Meta(ge=1)] = 3
    most_replicas: Annotated[int, msgspec.Meta(ge=1)] = 1000
    spike: DaySpike
    bad_release: BadRelease
    regions: Annotated[list[Place], msgspec.Meta(min_length=1)]
    models: Annotated[list[ServedModel], msgspec.Meta(min_length=1)]


def load_requirements(path: Path) -> DayRequirements:
    """The requirements in a file.

    Raises:
        InvalidValueError: the file is absent, or not of this form, or its shares do not sum to 1.
    """
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=DayRequirements)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise InvalidValueError("requirements", str(path), str(problem)) from None
    for name, parts in (("regions", found.regions), ("models", found.models)):
        total = sum(part.share for part in parts)
        if abs(total - 1) > 1e-6:  # noqa: PLR2004 - rounding, no more
            raise InvalidValueError(f"shares of {name}", round(total, 6), f"expected a sum of 1 in {path}")
    return found


class _Instances(_Strict, frozen=True, kw_only=True):
    instances: list[InstanceType]


def load_instances() -> dict[str, InstanceType]:
    """The machines that may be rented, by their names."""
    listed = msgspec.toml.decode(_INSTANCES.read_bytes(), type=_Instances).instances
    return {each.name: each for each in listed}
