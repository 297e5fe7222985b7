"""The edge: a real Envoy, its configuration generated from the level's settings and the canary's state."""

from shop.serving.envoy.bootstrap import bootstrap
from shop.serving.envoy.routes import route_configuration, write_routes
from shop.serving.envoy.settings import EdgeSettings
from shop.serving.envoy.splits import Split, read_splits, write_splits

__all__ = [
    "EdgeSettings",
    "Split",
    "bootstrap",
    "read_splits",
    "route_configuration",
    "write_routes",
    "write_splits",
]
