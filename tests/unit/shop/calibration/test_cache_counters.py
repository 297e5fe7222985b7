from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from servekit.errors import NotReadyError
from shop.calibration.cache_counters import hit_ratios, read_counts
from shop.gateway.adapters.metrics import GatewayMetrics
from shop.gateway.domain.versions import Versions

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_UPS = {("ranking", "hit"): 3, ("ranking", "miss"): 1, ("personalisation", "stale"): 2}


@contextmanager
def exposed(registry: CollectorRegistry) -> Iterator[int]:
    """The port of ``/metrics``."""
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_two_gateways_counted_is_added_and_their_other_metrics_are_left_out() -> None:
    with ExitStack() as stack:
        ports = []
        for _ in range(2):
            registry = CollectorRegistry()
            metrics = GatewayMetrics(Versions(()), registry)
            metrics.shed("limit")
            for look_up, often in LOOK_UPS.items():
                for _ in range(often):
                    metrics.cached(*look_up)
            ports.append(stack.enter_context(exposed(registry)))
        counts = read_counts(ports)
    assert {look_up: count for look_up, count in counts.items() if count} == {
        look_up: 2.0 * often for look_up, often in LOOK_UPS.items()
    }
    assert {model for model, _ in counts} == {"ranking", "personalisation"}
    assert hit_ratios({}, counts) == {"search": 0.75, "recommendations": 0.0}


def test_a_gateway_that_does_not_answer_is_named() -> None:
    with exposed(CollectorRegistry()) as port:
        pass
    with pytest.raises(NotReadyError, match=rf"^http://127\.0\.0\.1:{port}/metrics: nothing answers: run make up-3"):
        read_counts([port])
