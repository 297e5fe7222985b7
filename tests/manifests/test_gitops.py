"""What Argo CD deploys: an Application for each level and environment, images by digest; and level 1's canary."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.prometheus_program import find, needs_prometheus
from workbench.gitops import FOLDER, GitOpsError, pin
from workbench.manifests import Document, build, check_policy, load, render_chart, validate
from workbench.manifests.documents import parse
from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENVIRONMENTS = ("staging", "production")
FILES = [FOLDER / environment / f"level-{level}.yaml" for environment in ENVIRONMENTS for level in (1, 2, 3)]
ROOTS = [FOLDER / f"{environment}.yaml" for environment in ENVIRONMENTS]
CANARY = FOLDER / "iris-canary"
BY_DIGEST = re.compile(r"\S+:[\w.-]+@sha256:[0-9a-f]{64}")

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")


def application(file: Path) -> dict[str, Any]:
    (document,) = load(file)
    assert document.kind == "Application"
    return document.body


def own_images(level: int) -> set[str]:
    return {path.name.removesuffix(".Dockerfile") for path in ROOT.glob(f"0{level}-*/docker/*.Dockerfile")}


# --- applications ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [*ROOTS, *FILES], ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_an_application_is_strictly_valid(file: Path, crds: Path) -> None:
    assert validate(load(file), "1.36", crds) == []


def test_each_environment_is_one_app_of_apps_with_an_application_for_each_level() -> None:
    for root in ROOTS:
        folder = ROOT / application(root)["spec"]["source"]["path"]
        assert folder == FOLDER / root.stem
        assert sorted(path.name for path in folder.iterdir()) == ["level-1.yaml", "level-2.yaml", "level-3.yaml"]
    names = [application(file)["metadata"]["name"] for file in [*ROOTS, *FILES]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("file", [*ROOTS, *FILES], ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_git_repairs_everywhere_and_deletes_nothing_in_production(file: Path) -> None:
    automated = application(file)["spec"]["syncPolicy"]["automated"]
    production = "production" in {file.stem, file.parent.name}
    assert automated == {"selfHeal": True, "prune": not production}


@each_file
def test_an_application_lies_where_it_says_in_the_levels_namespace(file: Path) -> None:
    spec = application(file)["spec"]
    assert (ROOT / spec["source"]["path"]).is_dir()
    assert spec["destination"] == {
        "name": file.parent.name,
        "namespace": load_versions()["kubernetes"][file.stem]["profile"],
    }
    assert (spec["source"]["targetRevision"] == "main") == (file.parent.name == "staging")


@each_file
def test_an_application_runs_this_repositorys_images_by_digest(file: Path, tmp_path: Path) -> None:
    source = application(file)["spec"]["source"]
    documents = with_helm(source) if "helm" in source else with_kustomize(source, tmp_path)
    images = {image for document in documents for image in images_in(document.body)}
    own = own_images(int(file.stem[-1]))
    ours = {image for image in images if image.rpartition("/")[2].partition(":")[0] in own}
    assert {image.rpartition("/")[2].partition(":")[0] for image in ours} == own
    assert [image for image in ours if not BY_DIGEST.fullmatch(image)] == []


def with_kustomize(source: dict[str, Any], folder: Path) -> list[Document]:
    """What Argo CD renders: `kustomize edit set image` in the folder, then a build."""
    for part in ("01-beginner-iris-api/deploy", "02-intermediate-seldon-pipeline/deploy", "infra/pipelines/gitops"):
        shutil.copytree(ROOT / part, folder / part)
    file = folder / source["path"] / "kustomization.yaml"
    content = yaml.safe_load(file.read_text())
    images = {each["name"]: each for each in content.get("images", [])}
    for given in source["kustomize"]["images"]:
        name, _, reference = given.partition("=")
        tagged, _, digest = reference.partition("@")
        images[name] = {"name": name, "newName": tagged.rpartition(":")[0], "newTag": tagged.rpartition(":")[2]}
        images[name]["newTag"] += f"@{digest}"
    file.write_text(yaml.safe_dump(content | {"images": list(images.values())}))
    return build(file.parent)


def with_helm(source: dict[str, Any]) -> list[Document]:
    """What Argo CD renders: the chart with its values files, and `--set` for each parameter."""
    helm = source["helm"]
    values: dict[str, Any] = {}
    for parameter in helm["parameters"]:
        inner = values
        *above, last = parameter["name"].split(".")
        for key in above:
            inner = inner.setdefault(key, {})
        inner[last] = parameter["value"]
    chart = ROOT / source["path"]
    files = [chart / name for name in helm["valueFiles"]]
    return parse(render_chart(chart, files, release="shop", namespace="shop", overrides=values), "chart")


def images_in(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        if isinstance(body.get("image"), str):
            yield body["image"]
        for each in body.values():
            yield from images_in(each)
    elif isinstance(body, list):
        for each in body:
            yield from images_in(each)


# --- a release is pinned by a commit ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "gitops")
    return tmp_path / "gitops"


def published(folder: Path, level: int, *names: str) -> Path:
    lines = [f"{number:064x}  host:5000/team/{name}\n" for number, name in enumerate(names, 1)]
    (folder / f"published-{level}.sha256").write_text("".join(lines))
    return folder


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_release_is_pinned_in_one_file_and_nothing_else_changes(
    level: int, environment: str, folder: Path, tmp_path: Path
) -> None:
    names = sorted(own_images(level))
    file = pin(level, environment, "v1.2.0", folder, published(tmp_path, level, *names))
    before, after = application(FOLDER / environment / file.name), application(file)
    for number, name in enumerate(names, 1):
        assert f"{number:064x}" in file.read_text(), name
    assert "0" * 64 not in file.read_text()
    assert after["spec"]["source"]["targetRevision"] == ("main" if environment == "staging" else "v1.2.0")
    for part in (before, after):
        for key in ("targetRevision", "kustomize", "helm"):
            part["spec"]["source"].pop(key, None)
    assert before == after


def test_what_cannot_be_pinned_is_said_and_nothing_is_written(folder: Path, tmp_path: Path) -> None:
    before = (folder / "staging" / "level-1.yaml").read_bytes()
    for environment, release, expected in (
        ("tests", "v1", "ENVIRONMENT tests: expected one of production, staging"),
        ("staging", "", "RELEASE (none): expected the tag that `make publish-1` pushed"),
        ("staging", "v1", "published-1.sha256: not there; `make publish-1` writes it, and its job keeps it"),
    ):
        with pytest.raises(GitOpsError) as caught:
            pin(1, environment, release, folder, tmp_path)
        assert str(caught.value) == expected
    with pytest.raises(GitOpsError, match=r"^image host:5000/team/shop-gateway: expected once .*, found 0 times$"):
        pin(1, "staging", "v1", folder, published(tmp_path, 1, "iris-api", "shop-gateway"))
    assert (folder / "staging" / "level-1.yaml").read_bytes() == before


# --- level 1's canary ------------------------------------------------------------------------------------------------


def test_the_canary_is_strictly_valid_and_keeps_the_house_rules(crds: Path) -> None:
    documents = build(CANARY)
    assert {"Rollout", "AnalysisTemplate"} <= {document.kind for document in documents}
    assert validate(documents, "1.36", crds) == []
    assert check_policy(documents) == []


def test_the_rollout_runs_the_deployments_pods_and_the_autoscaler_scales_it() -> None:
    by_kind = {document.kind: document.body for document in build(CANARY)}
    rollout, scaler = by_kind["Rollout"], by_kind["HorizontalPodAutoscaler"]
    deployment = by_kind["Deployment"]
    assert rollout["spec"]["workloadRef"]["name"] == deployment["metadata"]["name"]
    assert rollout["spec"]["selector"] == deployment["spec"]["selector"]
    assert scaler["spec"]["scaleTargetRef"]["kind"] == "Rollout"
    assert not {"replicas"} & (rollout["spec"].keys() | deployment["spec"].keys())
    analyses = [step["analysis"] for step in rollout["spec"]["strategy"]["canary"]["steps"] if "analysis" in step]
    assert len(analyses) == 2
    template = by_kind["AnalysisTemplate"]
    assert {each["templateName"] for step in analyses for each in step["templates"]} == {template["metadata"]["name"]}
    unset = {arg["name"] for arg in template["spec"]["args"] if "value" not in arg}
    assert [{arg["name"] for arg in step["args"]} for step in analyses] == [unset, unset]
    field = analyses[0]["args"][0]["valueFrom"]["fieldRef"]["fieldPath"]
    assert rollout["metadata"]["annotations"][field.split("'")[1]] == "1"


def metrics() -> dict[str, dict[str, Any]]:
    (template,) = (document.body for document in build(CANARY) if document.kind == "AnalysisTemplate")
    return {metric["name"]: metric for metric in template["spec"]["metrics"]}


def measured(query: str, failed: int, slow: int, requests: int, folder: Path) -> list[float]:
    """What a query returns 20 minutes after version 2 began, of whose requests a minute some fail and some are slow."""
    labels = 'level="1",endpoint="/v1/predict",model="iris",version='
    series = {
        f'serving_requests_total{{{labels}"1",result="answered"}}': 900,
        f'serving_requests_total{{{labels}"2",result="answered"}}': requests - failed,
        f'serving_requests_total{{{labels}"2",result="failed"}}': failed,
        f'serving_request_duration_seconds_bucket{{{labels}"2",le="0.05"}}': requests - slow,
        f'serving_request_duration_seconds_bucket{{{labels}"2",le="0.1"}}': requests,
        f'serving_request_duration_seconds_bucket{{{labels}"2",le="+Inf"}}': requests,
    }
    rules = ROOT / "infra" / "prometheus" / "rules"
    files = [rules / f"{name}.yaml" for name in ("objectives", "recording")]
    wanted = query.replace("{{args.model}}", "iris").replace("{{args.version}}", "2")
    test = {
        "rule_files": list(map(str, files)),
        "evaluation_interval": "1m",
        "group_eval_order": [group["name"] for file in files for group in yaml.safe_load(file.read_text())["groups"]],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": f"0+{each}x30"} for name, each in series.items()],
                "promql_expr_test": [{"expr": f"{wanted} or vector(-1e9)", "eval_time": "20m", "exp_samples": []}],
            }
        ],
    }
    (folder / "analysis.yaml").write_text(yaml.safe_dump(test))
    program = find("promtool", folder)
    assert program
    command = [*program, "test", "rules", str(folder / "analysis.yaml")]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    got = re.search(r"got:\s*(.*)", said)
    assert got, said
    values = [float(text) for text in re.findall(r"\} (\S+?)(?:,|$)", got[1])]
    return [value for value in values if value != -1e9]


def judged(metric: dict[str, Any], result: list[float]) -> str:
    """As Argo Rollouts judges a measurement: by its conditions, in which `result` is the list of values."""

    def holds(condition: str) -> bool:
        return bool(condition) and bool(eval(condition.replace("&&", "and"), {"len": len, "result": result}))  # noqa: S307

    if holds(metric.get("failureCondition", "")):
        return "failed"
    return "successful" if holds(metric["successCondition"]) else "inconclusive"


@needs_prometheus
@pytest.mark.parametrize(
    ("failed", "slow", "requests", "verdicts"),
    [
        (0, 0, 300, {"requests": "successful", "errors": "successful", "latency": "successful"}),
        (3, 0, 300, {"requests": "successful", "errors": "failed", "latency": "successful"}),
        (0, 30, 300, {"requests": "successful", "errors": "successful", "latency": "failed"}),
        (0, 0, 1, {"requests": "inconclusive", "errors": "successful", "latency": "successful"}),
        (0, 0, 0, {"requests": "inconclusive", "errors": "inconclusive", "latency": "inconclusive"}),
    ],
    ids=["good", "failing", "slow", "hardly-asked", "never-asked"],
)
def test_the_analysis_judges_a_canary_by_our_recording_rules(
    failed: int, slow: int, requests: int, verdicts: dict[str, str], tmp_path: Path
) -> None:
    found = {}
    for name, metric in metrics().items():
        query = metric["provider"]["prometheus"]["query"]
        found[name] = judged(metric, measured(query, failed, slow, requests, tmp_path))
    assert found == verdicts
