"""The queries that scale level 3, evaluated by Prometheus' own test runner: how many servers they would ask for."""

from __future__ import annotations

import math
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from tests.prometheus_program import find, needs_prometheus
from tests.shop_chart import DEPLOY, of_kind, variant

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_prometheus


def external(index: int) -> dict[str, Any]:
    """A metric of ranking's scaling on GPUs: 0 requests, 1 the queue, 2 the GPU."""
    predictor = of_kind(variant("gpu"), "InferenceService")["ranking"]["spec"]["predictor"]
    found: dict[str, Any] = predictor["autoScaling"]["metrics"][index]["external"]
    return found


def series(name: str, values: str, pod: str = "ranking-v1-predictor-0", namespace: str = "shop") -> dict[str, str]:
    labels = f'namespace="{namespace}",pod="{pod}",model="ranking"'
    return {"series": f"{name}{{{labels}}}", "values": values}


def evaluate(tmp_path: Path, query: str, samples: list[dict[str, str]], expected: list[dict[str, Any]]) -> None:
    """Asserts what the query gives after five minutes."""
    case = {"expr": query, "eval_time": "5m", "exp_samples": expected}
    tests = [{"interval": "15s", "input_series": samples, "promql_expr_test": [case]}]
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "15s", "tests": tests}))
    command = [*(find("promtool", tmp_path) or []), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def servers(value: float, index: int) -> int:
    """KEDA's arithmetic: the value over what one server may have of it."""
    return math.ceil(value / float(external(index)["target"]["value"]))


def test_twice_the_requests_ask_for_twice_the_servers_however_many_answer_them(tmp_path: Path) -> None:
    query, name = external(0)["metric"]["query"], "nv_inference_request_success"
    strangers = [
        series(name, "0+90000x40", "personalisation-v1-predictor-0"),
        series(name, "0+90000x40", namespace="elsewhere"),
    ]
    one = [series(name, "0+90000x40")]  # 6,000 a second
    two = [series(name, "0+45000x40", f"ranking-v1-predictor-{pod}") for pod in range(2)]
    for samples in (one, two):
        evaluate(tmp_path, query, [*samples, *strangers], [{"labels": "{}", "value": 6000}])
    assert (servers(6000, 0), servers(12000, 0)) == (2, 4)


def test_the_canarys_requests_count_as_the_models(tmp_path: Path) -> None:
    name = "nv_inference_request_success"
    samples = [series(name, "0+13500x40"), series(name, "0+1500x40", "ranking-v2-predictor-0")]
    evaluate(tmp_path, external(0)["metric"]["query"], samples, [{"labels": "{}", "value": 1000}])


def test_queue_time_is_the_number_of_requests_that_wait(tmp_path: Path) -> None:
    """3,000 requests a second that wait 2 ms each: six of them are waiting at any moment."""
    samples = [series("nv_inference_queue_duration_us", f"0+{3000 * 2000 * 15}x40")]
    evaluate(tmp_path, external(1)["metric"]["query"], samples, [{"labels": "{}", "value": 6}])
    assert servers(6, 1) == 3


def test_gpus_that_are_busy_ask_for_more_of_them(tmp_path: Path) -> None:
    samples = [series("nv_gpu_utilization", "0.9x40", f"ranking-v1-predictor-{pod}") for pod in range(4)]
    evaluate(tmp_path, external(2)["metric"]["query"], samples, [{"labels": "{}", "value": 3.6}])
    assert servers(3.6, 2) == 6


def test_the_gateways_requests_are_counted_by_pod_and_probes_are_not(tmp_path: Path) -> None:
    (rule,) = yaml.safe_load((DEPLOY / "cluster/prometheus-adapter.yaml").read_text())["rules"]["custom"]
    name = "serving_request_duration_seconds_count"
    query = rule["metricsQuery"].replace("<<.Series>>", name).replace("<<.GroupBy>>", "pod")
    query = query.replace("<<.LabelMatchers>>", 'namespace="shop",pod=~"gateway-a|gateway-b"')
    samples = [
        {"series": f'{name}{{namespace="shop",pod="{pod}",endpoint="{endpoint}"}}', "values": f"0+{per_sample}x40"}
        for pod, endpoint, per_sample in (
            ("gateway-a", "/v1/search", 1500),
            ("gateway-a", "/v1/recommendations", 3000),
            ("gateway-a", "/readyz", 3),
            ("gateway-b", "/v1/search", 750),
        )
    ]
    expected = [{"labels": '{pod="gateway-a"}', "value": 300}, {"labels": '{pod="gateway-b"}', "value": 50}]
    evaluate(tmp_path, query, samples, expected)
