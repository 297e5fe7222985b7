"""What a region costs in a moment, of what a design decides: machines, cache, control plane, bytes between zones.

The feature store and the answers' way to the users cost the same whatever the design, and are left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from planner.day.fleet_design import replicas_per_node

if TYPE_CHECKING:
    from planner.calibration import Calibration
    from planner.day.fleet_design import FleetDesign
    from planner.day.requirements import DayRequirements
    from planner.prices import InstanceType, Prices

__all__ = ["DayMeter"]

_GB: Final = 1e9


class DayMeter:
    """The prices of one design, by the hour and by the request."""

    def __init__(
        self, design: FleetDesign, needs: DayRequirements, machine: InstanceType, prices: Prices,
        calibration: Calibration,
    ) -> None:  # fmt: skip
        self._zones, self._machine = design.zones, machine
        self._fit = replicas_per_node(design, needs, machine)
        self._fixed = design.cache.nodes * prices.valkey_node.per_hour + prices.cluster.per_hour
        crossing = (design.zones - 1) / design.zones
        edge_bytes = sum(model.share * calibration.profile(model.like, "miss").edge_bytes for model in needs.models)
        # balancers spread requests over all zones; what is between gateway and models stays in a replica
        self._per_request = crossing * edge_bytes / _GB * prices.cross_zone.per_gb

    def nodes(self, replicas: int) -> int:
        """Machines of a region with so many replicas, spread evenly over its zones."""
        each, more = divmod(replicas, self._zones)
        return more * math.ceil((each + 1) / self._fit) + (self._zones - more) * math.ceil(each / self._fit)

    def dollars(self, replicas: int, rate_rps: float, seconds: float) -> float:
        """What a region costs for so long."""
        hourly = self.nodes(replicas) * self._machine.per_hour + self._fixed
        return hourly * seconds / 3600 + rate_rps * seconds * self._per_request
