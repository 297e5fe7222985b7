"""Envoy's admin interface: which versions its routes know, and the weight that is changed while it runs."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from servekit.http_ask import ask
from shop.canary.errors import CanaryError
from shop.endpoints import SPLIT_PATHS
from shop.serving.envoy.routes import VERSION_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Edge"]


class Edge:
    """One running Envoy, by its admin port on this machine."""

    def __init__(self, admin_port: int) -> None:
        self._url = f"http://127.0.0.1:{admin_port}"

    def versions(self, model: str) -> tuple[str, str]:
        """The versions on a model's plain route and on its canary route, as requests meet them now.

        Raises:
            CanaryError: Envoy does not answer, or routes no such model.
        """
        plain = canary = ""
        for route in _routes(self._get("/config_dump?resource=dynamic_route_configs")):
            if route["match"].get("path") == SPLIT_PATHS[model]:
                if "runtime_fraction" in route["match"]:
                    canary = _version(route)
                else:
                    plain = _version(route)
        if not plain or not canary:
            raise CanaryError(f"edge {self._url}: has no routes for two versions of {model}: run make down-3 up-3")
        return plain, canary

    def weight(self, model: str) -> int:
        """How many percent of a model's requests take the canary route.

        Raises:
            CanaryError: Envoy does not answer.
        """
        entries: dict[str, Any] = self._get("/runtime?format=json")["entries"]
        return int(entries.get(f"canary.{model}", {}).get("final_value") or 0)

    def shift(self, model: str, weight: int) -> None:
        """Let so many percent take the canary route, from the next request on.

        Raises:
            CanaryError: Envoy does not answer, or does not do it.
        """
        self._call("POST", f"/runtime_modify?canary.{model}={weight}")
        if (now := self.weight(model)) != weight:
            raise CanaryError(f"edge {self._url}: canary.{model} is {now}: expected it to be {weight} now")

    def _get(self, path: str) -> Any:
        return msgspec.json.decode(self._call("GET", path))

    def _call(self, method: str, path: str) -> bytes:
        try:
            answer = ask(self._url + path, 30, method=method)
        except OSError as error:
            raise CanaryError(f"edge {self._url}: {error}: run make up-3") from None
        if answer.status >= HTTPStatus.BAD_REQUEST:
            text = answer.body.decode(errors="replace")
            raise CanaryError(f"edge {self._url}{path}: answers {answer.status} {text[:80]!r}")
        return answer.body


def _routes(dump: Any) -> Iterator[dict[str, Any]]:
    """Every route in a configuration dump, in order, wherever it is nested."""
    if isinstance(dump, dict):
        if "match" in dump:
            yield dump
        for value in dump.values():
            yield from _routes(value)
    elif isinstance(dump, list):
        for value in dump:
            yield from _routes(value)


def _version(route: dict[str, Any]) -> str:
    headers = [added["header"] for added in route.get("request_headers_to_add", [])]
    version: str = next((header["value"] for header in headers if header["key"] == VERSION_HEADER), "")
    return version
