"""A model of Triton's as the subject of a canary: ``make canary-3 MODEL=ranking``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from servekit.http_ask import ask
from shop.canary.errors import CanaryError
from shop.canary.meter import GatewayMeter
from shop.canary.subject import Habits
from shop.commands.serving import registered_as
from shop.load.world_traffic import world_replay

if TYPE_CHECKING:
    from shop.addresses import Addresses
    from shop.load.replay import Replay
    from shop.serving.envoy.splits import Split
    from workbench.registry import ModelVersion

__all__ = ["TritonSubject"]


class TritonSubject:
    """A model whose versions Triton has loaded (a `Subject`).

    Args:
        addresses: the level's.
        model: one of the three.
    """

    habits = Habits()

    def __init__(self, addresses: Addresses, model: str) -> None:
        self._addresses, self._model = addresses, model

    def make_ready(self, split: Split, *, anew: bool) -> None:  # noqa: ARG002 - a version is what it is
        """Raises `CanaryError` where Triton has not loaded it."""
        _check_loaded(self._addresses, self._model, split.candidate)

    def retire(self, _: str) -> None:
        """Nothing: the version stays loaded."""

    def gate(self, _: Split) -> None:
        """Nothing: `make optimize-3` has asked already."""

    def meter(self) -> GatewayMeter:
        """Reads all gateways."""
        first = self._addresses.gateway_port
        ports = range(first, first + self._addresses.gateways)
        return GatewayMeter(self._model, [f"http://127.0.0.1:{port}/metrics" for port in ports])

    def replay(self, rate_rps: float) -> Replay:
        """Sends what people of the simulated world ask, with their feedback."""
        return world_replay(self._addresses, self._model, rate_rps)

    def registered(self, version: str) -> ModelVersion | None:
        """By the artefact's bytes."""
        return registered_as(self._addresses, self._model, version)


def _check_loaded(addresses: Addresses, model: str, version: str) -> None:
    port = addresses.triton_http_port
    try:
        ready = ask(f"http://127.0.0.1:{port}/v2/models/{model}/versions/{version}/ready", 30).status == HTTPStatus.OK
    except OSError as error:
        raise CanaryError(f"Triton on port {port}: {error}: run make up-3") from None
    if not ready:
        add = f"python -m shop.serving.control add {model} {version}"
        raise CanaryError(f"version {version} of {model}: Triton has not loaded it, expected it ready: {add}")
