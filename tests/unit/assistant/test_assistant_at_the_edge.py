from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shop.addresses import Addresses
from shop.endpoints import MODELS
from shop.serving.envoy import EdgeSettings, Split, bootstrap, route_configuration

if TYPE_CHECKING:
    from pathlib import Path

STABLE = {model: Split() for model in MODELS}


def routes(addresses: Addresses) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = route_configuration(STABLE, EdgeSettings(), addresses)["virtual_hosts"][0]["routes"]
    return found


def test_without_the_assistant_the_edge_is_as_it_was(tmp_path: Path) -> None:
    plain = Addresses(run_dir=tmp_path)
    assert routes(plain) == route_configuration(STABLE, EdgeSettings())["virtual_hosts"][0]["routes"]
    assert "assistant" not in json.dumps(bootstrap(plain, EdgeSettings(), STABLE)).replace(str(tmp_path), "")


def test_with_it_chat_goes_to_it_before_all_that_goes_to_the_gateways(tmp_path: Path) -> None:
    addresses = Addresses(run_dir=tmp_path, extras="assistant", assistant_port=9350)
    paths = [route["match"].get("path") or route["match"].get("prefix") for route in routes(addresses)]
    assert paths.index("/v1/chat/completions") < paths.index("/v1/")
    canary, chat = [route for route in routes(addresses) if route["match"].get("path") == "/v1/chat/completions"]
    assert [each["route"]["cluster"] for each in (canary, chat)] == ["assistant-2", "assistant"]
    assert canary["match"]["runtime_fraction"]["default_value"]["numerator"] == 0
    assert chat["route"]["timeout"] == canary["route"]["timeout"] == "0s"
    assert '"port_value": 9350' in json.dumps(bootstrap(addresses, EdgeSettings(), STABLE)["static_resources"])
