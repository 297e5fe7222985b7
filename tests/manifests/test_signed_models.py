"""Manifests that ask for signed models: every process that loads one is given the public key."""

from __future__ import annotations

from typing import Any

import pytest

from recommender.commands.operator import find_deployment
from tests.manifests.conftest import built
from workbench.manifests.pods import pod_templates
from workbench.versions import ROOT

LEVELS = {"01-beginner-iris-api": "IRIS_SIGNED_BY", "02-intermediate-seldon-pipeline": "RECOMMENDER_SIGNED_BY"}


def pods(level: str) -> list[dict[str, Any]]:
    """The pods that load models."""
    documents = built(ROOT / level / "deploy" / "overlays" / "signed")
    if level.startswith("01"):
        return [pod.spec for pod in pod_templates(documents)]
    predictors = find_deployment([each.body for each in documents])["spec"]["predictors"]
    return [component["spec"] for predictor in predictors for component in predictor["componentSpecs"]]


@pytest.mark.parametrize("named", LEVELS)
def test_whoever_loads_a_model_asks_whose_it_is(named: str) -> None:
    for pod in pods(named):
        (secret,) = [each["secret"] for each in pod["volumes"] if each["name"] == "model-keys"]
        assert not secret.get("optional"), "without the key no pod may start"
        assert [item["path"] for item in secret["items"]] == ["models.pub"]
        for container in pod["containers"]:
            environment = {each["name"]: each.get("value") for each in container["env"]}
            mounts = {each["name"]: each for each in container["volumeMounts"]}
            assert environment[LEVELS[named]] == f"{mounts['model-keys']['mountPath']}/models.pub"
            assert mounts["model-keys"]["readOnly"]
