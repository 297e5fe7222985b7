"""SIGUSR1: the router serves what then lies in its file; a request that has begun ends on the graph it began on."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import yaml

from tests.integration.recommender.microservice import FeedbackFile, Letters, RouterProcess, deployment
from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from pathlib import Path

PREDICTIONS = "/api/v1.0/predictions"


def asked(router: RouterProcess, text: str) -> str:
    answer = httpx.post(f"{router.url}{PREDICTIONS}", json={"strData": text}, timeout=GENEROUS_S)
    return str(answer.raise_for_status().json()["strData"])


def metrics(router: RouterProcess, *of: str) -> list[str]:
    lines = httpx.get(f"{router.url}/metrics", timeout=GENEROUS_S).text.splitlines()
    return [line.rpartition(" ")[2] for line in lines if line[0] != "#" and all(part in line for part in of)]


def version(graph: Path, number: str, root: dict[str, object], name: str = "test") -> None:
    document = deployment({"name": "default", "graph": root, "annotations": {"version": number}})
    document["metadata"]["name"] = name
    graph.write_text(yaml.safe_dump(document))


def test_requests_under_way_end_on_the_old_graph_and_others_take_the_new_one(
    router: RouterProcess, letters: Letters, feedback: FeedbackFile
) -> None:
    with ThreadPoolExecutor(1) as pool, feedback.held(1) as let_go:
        held = pool.submit(asked, router, "x b:hold=1")
        until(lambda: metrics(router, "serving_requests_in_flight") == ["2.0"])
        version(router.graph, "2", letters[1].unit("MODEL"))
        router.process.send_signal(signal.SIGUSR1)
        until(lambda: asked(router, "y") == "y b.predict")
        assert metrics(router, "serving_model_info", 'version=""') == ["1.0"], "the old graph still answers"
        assert metrics(router, "serving_model_info", 'version="2"') == ["1.0"]
        let_go()
        assert held.result(GENEROUS_S) == "x b:hold=1 a.in b.predict"
    until(lambda: metrics(router, "serving_model_info", 'version=""') == ["0.0"])
    assert metrics(router, "server_requests_seconds_count", 'predictor_version="2"', "predictions", '"503"') == ["0.0"]
    assert httpx.get(f"{router.url}/ready", timeout=GENEROUS_S).status_code == 200


def test_a_file_that_cannot_be_served_changes_nothing(router: RouterProcess, letters: Letters) -> None:
    router.graph.write_text("kind: Nothing")
    router.process.send_signal(signal.SIGUSR1)
    assert asked(router, "y") == "y a.in b.predict"
    version(router.graph, "2", letters[1].unit("MODEL"), name="other")
    router.process.send_signal(signal.SIGUSR1)
    assert asked(router, "y") == "y a.in b.predict"
    version(router.graph, "3", letters[1].unit("MODEL"))
    router.process.send_signal(signal.SIGUSR1)
    until(lambda: asked(router, "y") == "y b.predict")
    assert metrics(router, "serving_model_info", 'version="2"') == []
