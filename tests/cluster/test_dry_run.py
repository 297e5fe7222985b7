"""Each overlay, each variant of the chart, and what is applied by itself: a dry run on the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.conftest import apply, kubectl, namespaces
from tests.shop_chart import VARIANTS, changed, variant
from workbench.manifests import build, load
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.manifests import Document

pytestmark = pytest.mark.cluster

OVERLAYS = sorted(path.parent for path in ROOT.glob("0*-*/deploy/overlays/*/kustomization.yaml"))
FILES = [
    ROOT / "02-intermediate-seldon-pipeline/deploy/executor-drains.yaml",
    ROOT / "03-advanced-multimodel-kserve/deploy/cluster/kserve-gateway.yaml",
    ROOT / "03-advanced-multimodel-kserve/deploy/tensorrt/job.yaml",
    ROOT / "infra/prometheus/kubernetes/prometheus-rule.yaml",
]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_api_server_would_take_the_overlay(overlay: Path, seen: Callable[[str], None]) -> None:
    seen(tried(build(overlay)))


@pytest.mark.parametrize("values", VARIANTS)
def test_the_api_server_would_take_the_chart(values: str, seen: Callable[[str], None]) -> None:
    seen(tried(variant(values)))


@pytest.mark.parametrize("values", ["cpu", "gpu"])
def test_the_api_server_would_take_the_chart_with_the_assistant(values: str, seen: Callable[[str], None]) -> None:
    seen(tried(changed(values, assistant={"enabled": True})))


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_api_server_would_take_what_is_applied_by_itself(file: Path, seen: Callable[[str], None]) -> None:
    seen(tried(load(file)))


def tried(documents: list[Document]) -> str:
    """Has the server try all whose kinds it knows; says how many, and which kinds it does not know."""
    known = set(kubectl("api-resources", "--no-headers", "-o", "name").split())
    groups = {name.partition(".")[2] for name in known}
    ours = [document for document in documents if document.group in groups and document.kind != "Namespace"]
    unknown = {document.kind for document in documents if document.group not in groups}
    if not ours:
        pytest.skip(f"not known there: {', '.join(sorted(unknown))}")
    spaces = {str(document.body["metadata"].get("namespace", "")) for document in ours} - {""}
    with namespaces(*sorted(spaces)):
        answered = apply([document.body for document in ours], "--dry-run=server", "--validate=strict").splitlines()
    assert [line for line in answered if not line.endswith("(server dry run)")] == []
    assert len(answered) == len(ours)
    return f"{len(ours)} objects" + (f"; not known there: {', '.join(sorted(unknown))}" if unknown else "")
