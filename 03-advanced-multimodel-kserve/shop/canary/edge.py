"""Envoy's admin interface: what the routes were started with, and the weight that is changed while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from shop.canary.errors import CanaryError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Edge"]

_VERSION = "x-model-version"


class Edge:
    """One running Envoy.

    A route with the runtime key ``canary.<model>`` sends that share of the requests to the version it was started
    with, the plain route behind it sends the rest to the other one. A split is told in terms of versions, whichever of
    the two routes they are on: after a promotion the stable version is the one on the canary's route, until the edge
    is started anew.
    """

    def __init__(self, admin_port: int) -> None:
        self._url = f"http://127.0.0.1:{admin_port}"

    def versions(self, model: str) -> tuple[str, str]:
        """The versions on the plain route and on the canary's route of a model.

        Raises:
            CanaryError: Envoy does not answer, or has no canary route for the model.
        """
        key = f"canary.{model}"
        routes = list(_routes(self._get("/config_dump").json()))
        canary = next((route for route in routes if _runtime_key(route) == key), None)
        if canary is None:
            raise CanaryError(f"edge {self._url}: no route has the runtime key {key}: make down-3 up-3")
        where = _where(canary)
        plain = next((each for each in routes if _where(each) == where and not _runtime_key(each)), {})
        return _version(plain), _version(canary)

    def weight(self, model: str, candidate: str) -> int:
        """How many percent of a model's requests a version gets now.

        Raises:
            CanaryError: Envoy does not answer, or does not route to that version.
        """
        entries: dict[str, Any] = self._get("/runtime?format=json").json()["entries"]
        share = int(entries.get(f"canary.{model}", {}).get("final_value") or 0)
        return share if self._on_canary_route(model, candidate) else 100 - share

    def shift(self, model: str, candidate: str, weight: int) -> None:
        """Send so many percent of a model's requests to a version, from the next request on; the rest to the other.

        Raises:
            CanaryError: Envoy does not answer, refuses, or does not route to that version.
        """
        share = weight if self._on_canary_route(model, candidate) else 100 - weight
        self._call("POST", f"/runtime_modify?canary.{model}={share}")
        if (now := self.weight(model, candidate)) != weight:
            raise CanaryError(f"edge {self._url}: canary.{model} is {now}, not {weight}: the admin layer is missing")

    def _on_canary_route(self, model: str, version: str) -> bool:
        plain, canary = self.versions(model)
        if version not in {plain, canary}:
            raise CanaryError(
                f"edge {self._url}: routes {model} to versions {plain} and {canary}, not to {version}: "
                "make up-3 starts it anew with what is in canary.json"
            )
        return version == canary

    def _get(self, path: str) -> httpx.Response:
        return self._call("GET", path)

    def _call(self, method: str, path: str) -> httpx.Response:
        try:
            answer = httpx.request(method, self._url + path, timeout=5)
        except httpx.HTTPError as error:
            raise CanaryError(f"edge {self._url}: {error}: run make up-3") from None
        if answer.is_error:
            raise CanaryError(f"edge {self._url}{path}: answers {answer.status_code} {answer.text[:80]!r}")
        return answer


def _routes(dump: Any) -> Iterator[dict[str, Any]]:
    """Every route in a configuration dump, in order, wherever it is nested."""
    if isinstance(dump, dict):
        if "match" in dump and "route" in dump:
            yield dump
        for value in dump.values():
            yield from _routes(value)
    elif isinstance(dump, list):
        for value in dump:
            yield from _routes(value)


def _runtime_key(route: dict[str, Any]) -> str:
    key: str = route["match"].get("runtime_fraction", {}).get("runtime_key", "")
    return key


def _where(route: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in route["match"].items() if name != "runtime_fraction"}


def _version(route: dict[str, Any]) -> str:
    headers = [added["header"] for added in route.get("request_headers_to_add", [])]
    version: str = next((header["value"] for header in headers if header["key"] == _VERSION), "")
    return version
