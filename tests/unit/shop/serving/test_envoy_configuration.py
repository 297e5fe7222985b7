"""What the edge's configuration says; what it does is tested in a real Envoy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from assistant.settings import AssistantSettings
from shop.addresses import Addresses
from shop.endpoints import MODELS
from shop.serving.envoy import EdgeSettings, Split, bootstrap, read_splits, route_configuration, write_splits

if TYPE_CHECKING:
    from pathlib import Path

STABLE = {model: Split() for model in MODELS}


def filters(whole: dict[str, Any]) -> list[str]:
    listener = whole["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return [each["name"] for each in manager["http_filters"]]


def test_a_rate_is_held_only_where_it_is_set_and_keys_are_the_gateways_affair(tmp_path: Path) -> None:
    plain = bootstrap(Addresses(run_dir=tmp_path), EdgeSettings(), STABLE)
    assert filters(plain) == ["buffer", "adaptive_concurrency", "router"]
    rationed = bootstrap(Addresses(run_dir=tmp_path), EdgeSettings(rate=5), STABLE)
    assert filters(rationed) == ["local_ratelimit", "buffer", "adaptive_concurrency", "router"]


def test_the_admin_interface_is_local_wherever_the_edge_listens(tmp_path: Path) -> None:
    whole = bootstrap(Addresses(run_dir=tmp_path), EdgeSettings(host="0.0.0.0"), STABLE)  # noqa: S104 - the point
    assert whole["admin"]["address"]["pipe"]["mode"] == 0o600
    hosts = [each["address"]["socket_address"]["address"] for each in whole["static_resources"]["listeners"]]
    assert hosts == ["0.0.0.0", "127.0.0.1"]  # noqa: S104


@pytest.mark.parametrize("below", ["run", "deep/" * 30])
def test_the_admin_interfaces_socket_is_short_enough_wherever_the_run_folder_is(tmp_path: Path, below: str) -> None:
    whole = bootstrap(Addresses(run_dir=tmp_path / below), EdgeSettings(), STABLE)
    assert len(whole["admin"]["address"]["pipe"]["path"]) < 104


def test_each_gateway_is_an_endpoint(tmp_path: Path) -> None:
    addresses = Addresses(run_dir=tmp_path, gateway_port=9000, gateways=3)
    clusters = json.dumps(bootstrap(addresses, EdgeSettings(), STABLE)["static_resources"]["clusters"])
    assert [port for port in range(8999, 9005) if f'"port_value": {port}' in clusters] == [9000, 9001, 9002]


def test_the_weights_of_the_state_are_where_the_runtime_starts(tmp_path: Path) -> None:
    splits = {**STABLE, "fraud": Split(weight=25)}
    layers = bootstrap(Addresses(run_dir=tmp_path), EdgeSettings(), splits)["layered_runtime"]["layers"]
    assert layers[0]["static_layer"] == {"canary": {"ranking": 0, "fraud": 25, "personalisation": 0}}
    assert "admin_layer" in layers[-1]


def test_only_what_changes_nothing_is_sent_again_after_a_gateway_began_with_it() -> None:
    routes = route_configuration(STABLE, EdgeSettings())["virtual_hosts"][0]["routes"]
    again = {
        next(iter(route["match"].values())): "reset" in route["route"]["retry_policy"]["retry_on"].split(",")
        for route in routes
        if "route" in route
    }
    assert again["/v1/search"]
    assert again["/v1/recommendations"]
    assert not again["/v1/payments/score"]
    assert not again["/v1/"]


def test_the_longest_answer_in_one_piece_is_not_cut_by_the_limit_of_silence(tmp_path: Path) -> None:
    addresses, longest = Addresses(run_dir=tmp_path, extras="assistant"), AssistantSettings()
    routes = route_configuration(STABLE, EdgeSettings(), addresses)["virtual_hosts"][0]["routes"]
    limits = [each["route"] for each in routes if each.get("route", {}).get("cluster") == "assistant"]
    assert [each["timeout"] for each in limits] == ["0s"] * 2
    # eight answers at once come at about 8 tokens/s each on two idle cores; a busy machine makes it half of that
    whole_s = longest.first_token_s + longest.max_tokens / 4
    assert all(float(each["idle_timeout"].removesuffix("s")) > whole_s for each in limits)


def test_a_state_is_read_as_it_was_written_and_what_it_lacks_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "run" / "canary.json"
    assert read_splits(path) == STABLE
    write_splits(path, {"ranking": Split("2", "3", 40)})
    assert read_splits(path) == {**STABLE, "ranking": Split("2", "3", 40)}
    assert not list(path.parent.glob(".*"))


@pytest.mark.parametrize("text", ["", "[]", '{"ranking": {"weight": 101}}', '{"ranking": {"stable": "1; x"}}'])
def test_a_state_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "canary.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"canary\.json: .*: expected \{model: \{stable, candidate, weight\}\}"):
        read_splits(path)
