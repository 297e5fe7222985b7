from __future__ import annotations

from workbench.manifests import check_policy, load, validate
from workbench.versions import ROOT, load_versions

FOLDER = ROOT / "03-advanced-multimodel-kserve" / "deploy" / "tensorrt"


def test_the_job_that_builds_engines_is_valid_and_keeps_the_house_rules() -> None:
    documents = load(FOLDER / "job.yaml")
    assert validate(documents) == []
    assert check_policy(documents) == []


def test_the_job_runs_the_builder_in_the_image_of_the_servers() -> None:
    (_, job) = load(FOLDER / "job.yaml")
    (container,) = job.body["spec"]["template"]["spec"]["containers"]
    assert container["image"] == load_versions()["images"]["triton"]["reference"]
    assert (FOLDER / container["command"][1].rpartition("/")[2]).exists()
