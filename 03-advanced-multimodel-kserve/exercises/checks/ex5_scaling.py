"""What exercise 5 must do: KServe would take it, the arithmetic holds, Prometheus' own test runner asks the queries."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from course.exercises import CheckFailedError, expect, expect_equal

SHIPPED = Path(__file__).parents[1] / "solutions" / "ex5_scaling"
REQUESTS, QUEUE = "nv_inference_request_success", "nv_inference_queue_duration_us"
EVERY_S = 15


def check_keda_scales_it(answer: Path) -> None:
    annotations = service(answer)["metadata"]["annotations"]
    expect_equal("the autoscalerClass", annotations.get("serving.kserve.io/autoscalerClass"), "keda")
    expect_equal("the deploymentMode", annotations.get("serving.kserve.io/deploymentMode"), "Standard")


def check_the_night_bears_a_lost_zone(answer: Path) -> None:
    expect_equal("minReplicas", service(answer)["spec"]["predictor"].get("minReplicas"), 6)


def check_the_peak_bears_a_lost_zone(answer: Path) -> None:
    expect_equal("maxReplicas", service(answer)["spec"]["predictor"].get("maxReplicas"), 21)


def check_a_server_may_be_so_busy_and_no_busier(answer: Path) -> None:
    targets = [metric["target"] for metric in metrics(answer)]
    expect_equal("requests a second of one server", float(targets[0]["value"]), 150.0)
    expect_equal("requests that wait at one server", float(targets[1]["value"]), 2.0)
    expect_equal("the targets' types", [target["type"] for target in targets], ["Value", "Value"])


def check_the_same_load_gives_the_same_value_however_many_servers_bear_it(answer: Path) -> None:
    for pods in (1, 4):
        busy = [series(REQUESTS, 1200 / pods, pod=f"ranking-v1-predictor-{pod}") for pod in range(pods)]
        asked(answer, 0, busy, 1200, f"the value at 1,200 requests a second, servers that answer them {pods}")


def check_every_version_counts_and_nobody_else(answer: Path) -> None:
    others = [
        series(REQUESTS, 400, pod="personalisation-v1-predictor-0"),
        series(REQUESTS, 500, pod="ranking-v1-predictor-0", namespace="elsewhere"),
    ]
    mine = [series(REQUESTS, 900, pod="ranking-v1-predictor-0"), series(REQUESTS, 100, pod="ranking-v2-predictor-0")]
    asked(answer, 0, mine + others, 1000, "the value at 900 requests a second of version 1 and 100 of version 2")


def check_queue_time_becomes_requests_that_wait(answer: Path) -> None:
    """3,000 requests a second that wait 2 ms each: six of them are waiting at any moment."""
    waiting = [series(QUEUE, 1500 * 2000, pod=f"ranking-v1-predictor-{pod}") for pod in range(2)]
    strangers = [series(QUEUE, 1500 * 2000, pod="fraud-v1-predictor-0")]
    asked(answer, 1, waiting + strangers, 6, "the value while 3,000 requests a second wait 2 ms each")


def check_the_rest_is_as_it_was(answer: Path) -> None:
    for part in ("model", "runtime"):
        mine, shipped = (service(folder)["spec"]["predictor"].get(part) for folder in (answer, SHIPPED))
        expect_equal(f"spec.predictor.{part}", mine, shipped)


def check_kserve_would_take_it(answer: Path) -> None:
    # only this check pays for the import
    from workbench.manifests import find_crds, load, validate  # noqa: PLC0415

    if find_crds() is not None:
        problems = validate(load(answer / "inference-service.yaml"))
        expect(not problems, f"{len(problems)} left, the first is {problems[0] if problems else ''}")


def series(name: str, a_second: float, pod: str, namespace: str = "shop") -> dict[str, str]:
    """A counter of one pod that grows so much each second."""
    labels = f'namespace="{namespace}",pod="{pod}",model="ranking"'
    return {"series": f"{name}{{{labels}}}", "values": f"0+{a_second * EVERY_S:g}x40"}


def asked(answer: Path, index: int, samples: list[dict[str, str]], expected: float, what: str) -> None:
    """Expects that the query of a metric gives this, after five minutes."""
    query, promtool = str(metrics(answer)[index]["metric"]["query"]), shutil.which("promtool")
    if promtool is None:
        read(query)
        return
    case = {"expr": query, "eval_time": "5m", "exp_samples": [{"labels": "{}", "value": expected}]}
    tests = [{"interval": f"{EVERY_S}s", "input_series": samples, "promql_expr_test": [case]}]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "test.yaml")
        file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": f"{EVERY_S}s", "tests": tests}))
        done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckFailedError(f"{what}: {_told(done.stdout + done.stderr)}: expected {expected:g}")


def read(query: str) -> None:
    """What can be said about a query without Prometheus."""
    expect(query.lstrip().startswith("sum"), f"the query {query}: expected a sum over the servers")
    expect("rate(" in query and "[1m]" in query, f"the query {query}: expected a rate over one minute")
    expect('namespace="shop"' in query and "ranking" in query, f"the query {query}: expected ranking's pods only")


def service(answer: Path) -> dict[str, Any]:
    """The learner's InferenceService."""
    file = answer / "inference-service.yaml"
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise CheckFailedError(f"{file.name}: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict) or found.get("kind") != "InferenceService":
        raise CheckFailedError(f"{file.name}: expected one InferenceService")
    return found


def metrics(answer: Path) -> list[dict[str, Any]]:
    """What each of the two metrics is and what a server may have of it."""
    found = [each["external"] for each in service(answer)["spec"]["predictor"]["autoScaling"]["metrics"]]
    expect_equal("the number of metrics", len(found), 2)
    return found


def _told(output: str) -> str:
    """What promtool found instead."""
    got = re.search(r"got:.*?([-+.\dE]+)\s*$", output, re.MULTILINE)
    return f"the query gives {float(got[1]):g}" if got else "the query gives no number, or cannot be read"
