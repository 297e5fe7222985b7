"""The assistant's dashboard on a real Prometheus that scrapes the real model's gateway while it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.assistant.conftest import PRICES
from tests.integration.assistant.streams import CHAT, MODEL
from tests.ports import free_ports
from tests.prometheus_process import ask, busy, queries, scraping, wait_for_data, wait_for_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.integration.assistant.conftest import Running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prometheus(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus that scrapes the assistant; questions come in all the time, one in four wrong."""
    items = list(PRICES)

    def send(client: httpx.Client, number: int) -> None:
        asked = {"model": MODEL, "messages": [{"role": "user", "content": "What does it cost?"}], "max_tokens": 8}
        item = "77" if number % 4 == 3 else str(items[number % len(items)])
        client.post(CHAT, json=asked | {"metadata": {"item": item}})

    target = running.url.removeprefix("http://")
    with (
        busy(running.url, send),
        scraping(tmp_path_factory.mktemp("prometheus"), free_ports(1)[0], {"assistant": [target]}) as url,
    ):
        yield url


def test_every_query_of_the_dashboard_returns_data_from_the_running_model(prometheus: str) -> None:
    for title, expr in queries("assistant"):
        wait_for_data(prometheus, title, expr)


def test_the_panels_agree_with_what_was_asked(prometheus: str) -> None:
    exprs = dict(queries("assistant"))
    wait_for_labels(prometheus, exprs["Tokens A"], "type", {"input", "output"})
    wait_for_labels(prometheus, exprs["Prefix cache A"], "counted", {"at_least"})
    wait_for_labels(prometheus, exprs["Steps, mean A"], "step", {"facts", "prefill", "decode"}, others=True)
    (spared,) = wait_for_data(prometheus, "Prefix cache A", exprs["Prefix cache A"])
    assert 0.3 < float(spared["value"][1]) < 1.05, "all prompts begin alike"
    (share,) = wait_for_data(prometheus, "Failed A", exprs["Failed A"])
    assert float(share["value"][1]) == 0, "an item that is not there is the caller's mistake"


def test_the_assistant_spends_no_budget_of_level_3(prometheus: str) -> None:
    wait_for_data(prometheus, "errors", 'level:serving_errors:ratio_rate5m{level="assistant"}')
    assert ask(prometheus, 'level:serving_slow:ratio_rate5m{level=~"3|assistant"}') == []
    assert ask(prometheus, 'level:serving_errors:ratio_rate5m{level="3"}') == []
