from __future__ import annotations

from typing import Any

from tests.shop_chart import of_kind, variant
from workbench.manifests import check_policy, load, validate
from workbench.versions import ROOT, cluster, load_versions

FOLDER = ROOT / "03-advanced-multimodel-kserve" / "deploy" / "tensorrt"


def test_the_job_that_builds_engines_is_valid_and_keeps_the_house_rules() -> None:
    documents = load(FOLDER / "job.yaml")
    assert [problem for minor in cluster(3).minors for problem in validate(documents, minor)] == []
    assert check_policy(documents) == []


def pod() -> tuple[dict[str, str], dict[str, Any]]:
    """The labels and the specification of the Job's pod."""
    (job,) = of_kind(load(FOLDER / "job.yaml"), "Job").values()
    template = job["spec"]["template"]
    return template["metadata"]["labels"], template["spec"]


def test_the_job_runs_the_builder_in_the_image_of_the_servers() -> None:
    _, spec = pod()
    (container,) = spec["containers"]
    assert container["image"] == load_versions()["images"]["triton"]["reference"]
    assert (FOLDER / container["command"][1].rpartition("/")[2]).exists()


def test_the_job_gets_one_gpu_and_no_network() -> None:
    labels, spec = pod()
    (container,) = spec["containers"]
    assert {container["resources"][each]["nvidia.com/gpu"] for each in ("requests", "limits")} == {"1"}
    (policy,) = of_kind(load(FOLDER / "job.yaml"), "NetworkPolicy").values()
    assert policy["spec"].keys() == {"podSelector", "policyTypes"}  # no rule, so nobody is let in or out
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_the_job_of_this_folder_and_the_charts_ask_for_the_same_node_and_rights() -> None:
    _, ours = pod()
    jobs = of_kind(variant("gpu"), "Job")
    (chart,) = [body["spec"]["template"]["spec"] for name, body in jobs.items() if name.startswith("build-engines")]
    for field in ("nodeSelector", "tolerations", "restartPolicy", "automountServiceAccountToken"):
        assert ours[field] == chart[field], field
    assert ours["securityContext"]["runAsNonRoot"] is chart["securityContext"]["runAsNonRoot"] is True
    (one,), (other,) = ours["containers"], chart["containers"]
    for field in ("resources", "securityContext", "env"):
        assert one[field] == other[field], field
