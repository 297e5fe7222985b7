"""What Locust is pointed at.

``python -m workbench.sla locust PATH/sla.toml [Locust's options]`` starts it with Locust's web interface, headless,
with CSV files or distributed; the rate is divided evenly among the users, so their number does not change the load.
"""

from __future__ import annotations

from workbench.sla.stream import ArrivalStream, connect

__all__ = ["ArrivalStream"]

connect()
