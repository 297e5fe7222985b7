"""Level 3's chart as the tests render it: each variant that somebody would install."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest

from workbench.manifests import Document, build_chart
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DEPLOY = ROOT / "03-advanced-multimodel-kserve" / "deploy"
CHART = DEPLOY / "shop-serving"
VARIANTS = {
    "defaults": (),
    "minikube": ("minikube",),
    "cpu": ("cpu",),
    "gpu": ("gpu",),
    "knative": ("knative",),
    "fallback-0.20": ("fallback-0.20",),
    "region-eu": ("cpu", "multi-region", "regions/eu"),
    "region-us": ("gpu", "multi-region", "regions/us"),
}


STANDARD = [name for name in VARIANTS if name != "knative"]
each_variant = pytest.mark.parametrize("name", VARIANTS)


@lru_cache
def variant(name: str) -> list[Document]:
    """The documents of a variant; rendered once for all tests, so nobody may change them."""
    return changed(name)


def changed(name: str, chart: Path = CHART, *, upgrade: bool = False, **overrides: Any) -> list[Document]:
    """A variant with further values, or of another chart; as an installation, or as the upgrade of one."""
    files = values_files(name, chart)
    return build_chart(chart, files, release="shop", namespace="shop", overrides=overrides, upgrade=upgrade)


def values_files(name: str, chart: Path = CHART) -> list[Path]:
    """What a variant is made of."""
    return [chart / "values" / f"{each}.yaml" for each in VARIANTS[name]]


def of_kind(documents: Iterable[Document], kind: str) -> dict[str, dict[str, Any]]:
    """The bodies of a kind, by name."""
    return {document.name: document.body for document in documents if document.kind == kind}


def gateway_environment(documents: Iterable[Document]) -> dict[str, str]:
    """The gateway's variables that have a value of their own."""
    (container,) = of_kind(documents, "Deployment")["gateway"]["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}


def services(name: str) -> dict[str, dict[str, Any]]:
    """A variant's InferenceServices, by name."""
    return of_kind(variant(name), "InferenceService")


def predictors(name: str) -> list[dict[str, Any]]:
    """The stable predictor of each of a variant's InferenceServices."""
    return [each["spec"]["predictor"] for each in services(name).values()]


def hosts(name: str) -> dict[str, str]:
    """Where the gateway of a variant finds each model."""
    found: dict[str, str] = json.loads(gateway_environment(variant(name))["SHOP_TRITON_HOSTS"])
    return found
