"""One model's traffic: shifted at the edge at once, and saved for an edge that is started again."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from servekit.json_file import write_json
from shop.canary.errors import CanaryError
from shop.endpoints import CHAT, SPLIT_PATHS
from shop.serving.envoy.assistant import cluster_of
from shop.serving.envoy.routes import VERSION_HEADER, routes_file
from shop.serving.envoy.splits import Split, read_splits, write_splits

if TYPE_CHECKING:
    from pathlib import Path

    from shop.addresses import Addresses
    from shop.canary.edge import Edge

__all__ = ["EdgeSplit"]

_PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.02


class EdgeSplit:
    """The split of a model between two versions, kept the same at the edge and in ``canary.json``.

    Args:
        addresses: where the state lies, and the routes that the edge watches.
        edge: the running one.
        model: one of the level's.

    Raises:
        CanaryError: the state is none.
    """

    def __init__(self, addresses: Addresses, edge: Edge, model: str) -> None:
        self._addresses, self._edge, self._model = addresses, edge, model
        try:
            self.split = read_splits(addresses.canary_state).get(model, Split())
        except ValueError as error:
            raise CanaryError(str(error)) from None

    def nominate(self, version: str) -> None:
        """Make another version the candidate; nothing may be on its way to the one before.

        Raises:
            CanaryError: it is stable already, or the candidate so far has traffic.
        """
        split, model = self.split, self._model
        if version == split.stable:
            raise CanaryError(f"candidate {version} of {model}: is the stable version, expected another one")
        if split.weight and version != split.candidate:
            raise CanaryError(f"candidate {split.candidate} of {model}: has {split.weight}%, expected 0 before another")
        self._route(Split(split.stable, version, split.weight))

    def shift(self, weight: int) -> None:
        """Send so many percent to the candidate, from the next request on; then save it.

        Raises:
            CanaryError: the edge does not answer, or does not do it.
        """
        self._route(self.split)
        self._edge.shift(self._model, weight)
        self._write(Split(self.split.stable, self.split.candidate, weight))

    def promote(self) -> None:
        """Make the candidate, which has all traffic, the stable version; the one before stands by as the candidate.

        No request meets another version meanwhile: first both routes lead to the new one, then the weight goes to 0,
        then the canary route is free.
        """
        old, new = self.split.stable, self.split.candidate
        self._route(Split(new, new, self.split.weight))
        self.shift(0)
        self._route(Split(new, old, 0))

    def _route(self, split: Split) -> None:
        """Have the edge route to these versions, and wait until it does."""
        self._write(split)
        wanted = (split.stable, split.candidate)
        if self._edge.versions(self._model) == wanted:
            return
        _reroute(routes_file(self._addresses), self._model, split)
        deadline = time.monotonic() + _PATIENCE_S
        while (found := self._edge.versions(self._model)) != wanted:
            if time.monotonic() > deadline:
                raise CanaryError(
                    f"edge: routes {self._model} to versions {' and '.join(found)}: expected {' and '.join(wanted)} "
                    f"within {_PATIENCE_S:g} s of writing its routes"
                )
            time.sleep(_POLL_S)

    def _write(self, split: Split) -> None:
        if split != self.split or not self._addresses.canary_state.exists():
            state = read_splits(self._addresses.canary_state)
            write_splits(self._addresses.canary_state, {**state, self._model: split})
            self.split = split


def _reroute(path: Path, model: str, split: Split) -> None:
    """Change the versions in the routes that the edge watches, and nothing else: the rest is as it was started with."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CanaryError(f"{path}: {error}: expected the edge's routes: run make down-3 up-3") from None
    ours = {SPLIT_PATHS[model], f"/v2/models/{model}/infer"}
    for host in content["resources"][0]["virtual_hosts"]:
        for route in host["routes"]:
            if route["match"].get("path") in ours:
                version = split.candidate if "runtime_fraction" in route["match"] else split.stable
                for added in route["request_headers_to_add"]:
                    if added["header"]["key"] == VERSION_HEADER:
                        added["header"]["value"] = version
                if model == CHAT.model:  # whose versions are processes of their own
                    route["route"]["cluster"] = cluster_of(version)
    write_json(path, content)
