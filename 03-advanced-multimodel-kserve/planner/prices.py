"""The cost of a fleet, from a file with dated prices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PRICES", "Bill", "InstanceType", "NetworkTraffic", "PricedService", "Prices", "bill", "load_prices"]

PRICES: Final = Path(__file__).with_name("prices.toml")
_SECONDS: Final = 3600
_BITS_PER_GB: Final = 8.0

NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Month = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}\Z")]


class InstanceType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rented machine, its price for an hour, where the price stands and when somebody looked."""

    name: str
    vcpus: Annotated[int, msgspec.Meta(ge=1)]
    memory_gib: Annotated[float, msgspec.Meta(gt=0)]
    gpus: int = 0
    per_hour: NotNegative
    source: str
    as_of: Month


class PricedService(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something paid by the hour, or by the gigabyte (10⁹ bytes)."""

    name: str
    per_hour: NotNegative = 0.0
    per_gb: NotNegative = 0.0
    source: str
    as_of: Month


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The price list in ``prices.toml``."""

    cloud: str
    region: str
    currency: str
    node: InstanceType
    gpu_node: InstanceType
    valkey_node: InstanceType
    cluster: PricedService
    cross_zone: PricedService
    egress: PricedService

    @property
    def oldest(self) -> str:
        """The month in which the oldest price was looked up."""
        entries = (self.node, self.gpu_node, self.valkey_node, self.cluster, self.cross_zone, self.egress)
        return min(entry.as_of for entry in entries)


class NetworkTraffic(msgspec.Struct, frozen=True):
    """Gigabits a second: from and to clients, of that towards them, between pods, and of that between zones."""

    edge_gbit: float
    egress_gbit: float
    internal_gbit: float
    cross_zone_gbit: float


class Bill(msgspec.Struct, frozen=True):
    """Dollars an hour by what they are paid for, and for a million requests at the rate the fleet was sized for."""

    per_hour: dict[str, float]
    per_million: float

    @property
    def total_per_hour(self) -> float:
        """Dollars an hour for everything together."""
        return sum(self.per_hour.values())


def load_prices(path: Path = PRICES) -> Prices:
    """The price list in a file.

    Raises:
        InvalidValueError: the file is absent, or lacks a price, its source or its month.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Prices)
    except FileNotFoundError:
        raise InvalidValueError("prices", str(path), "no such file, expected a price list") from None
    except msgspec.DecodeError as problem:
        raise InvalidValueError("prices", str(path), str(problem)) from None


def bill(prices: Prices, qps: float, machines: Mapping[str, int], traffic: NetworkTraffic) -> Bill:
    """The bill for this many ``node``, ``gpu_node`` and ``valkey_node`` and this traffic, all at the peak rate."""
    hourly = {
        machine.name: count * machine.per_hour
        for name, count in machines.items()
        if count and (machine := getattr(prices, name))
    }
    hourly[prices.cluster.name] = prices.cluster.per_hour
    for service, gbit in ((prices.cross_zone, traffic.cross_zone_gbit), (prices.egress, traffic.egress_gbit)):
        hourly[service.name] = gbit / _BITS_PER_GB * _SECONDS * service.per_gb
    hourly = {name: round(value, 2) for name, value in hourly.items()}
    return Bill(hourly, round(sum(hourly.values()) / (qps * _SECONDS) * 1e6, 4))
