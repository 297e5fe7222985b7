from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assistant.processes import assistant_processes
from shop.addresses import Addresses
from shop.commands.stack import _scraped
from shop.endpoints import MODELS
from shop.serving.envoy import EdgeSettings, Split, bootstrap, route_configuration
from workbench.observe.deployment import placed

if TYPE_CHECKING:
    import pytest

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


def test_prometheus_and_the_console_scrape_it_where_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHOP_RUN_DIR", raising=False)
    addresses = Addresses(run_dir=tmp_path, extras="assistant", assistant_port=9350)
    scraped = _scraped(addresses, assistant_processes(addresses, {}, check=False))
    Path(".run/3").mkdir(parents=True)
    Path(".run/3/started.json").write_text(json.dumps({"url": "", "metrics": "", "scrape": scraped}))
    jobs = {job["job_name"]: job["static_configs"] for job in yaml.safe_load(placed().read_text())["scrape_configs"]}
    assert jobs["assistant"] == [{"targets": ["127.0.0.1:9350"]}]
    assert set(scraped) <= set(jobs), "a job that Prometheus does not have is never scraped"
