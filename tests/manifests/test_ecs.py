"""The ECS files against the AWS SDK's own model of each call, and against what Fargate adds to it."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from iris_api.settings import IrisSettings
from workbench.versions import ROOT, load_versions

FOLDER = ROOT / "01-beginner-iris-api" / "deploy" / "ecs"
CALLS = {
    "access-point.json": ("efs", "CreateAccessPoint"),
    "task-definition.json": ("ecs", "RegisterTaskDefinition"),
    "service.json": ("ecs", "CreateService"),
    "target-group.json": ("elbv2", "CreateTargetGroup"),
    "target-group-attributes.json": ("elbv2", "ModifyTargetGroupAttributes"),
    "scalable-target.json": ("application-autoscaling", "RegisterScalableTarget"),
    "scaling-policy.json": ("application-autoscaling", "PutScalingPolicy"),
}
# MiB for each number of CPU units, https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
FARGATE_MEMORY = {
    256: [512, 1024, 2048],
    512: list(range(1024, 4096 + 1, 1024)),
    1024: list(range(2048, 8192 + 1, 1024)),
    2048: list(range(4096, 16384 + 1, 1024)),
    4096: list(range(8192, 30720 + 1, 1024)),
    8192: list(range(16384, 61440 + 1, 4096)),
    16384: list(range(32768, 122880 + 1, 8192)),
}
MAX_STOP_S = 120
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


@lru_cache
def service_model(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


def report(name: str, body: dict[str, Any]) -> str:
    service, operation = CALLS[name]
    shape = service_model(service).operation_model(operation).input_shape
    return str(ParamValidator().validate(body, shape).generate_report())


def wrong_enums(body: Any, shape: Any) -> list[str]:
    """Values the service's model does not list: the SDK's own validator leaves those to the server."""
    if shape.type_name == "structure":
        return [bad for name, item in body.items() for bad in wrong_enums(item, shape.members[name])]
    if shape.type_name == "list":
        return [bad for item in body for bad in wrong_enums(item, shape.member)]
    allowed = getattr(shape, "enum", [])
    return [f"{shape.name}: {body}"] if allowed and body not in allowed else []


@pytest.fixture(scope="module")
def container() -> dict[str, Any]:
    (only,) = load("task-definition.json")["containerDefinitions"]
    assert isinstance(only, dict)
    return only


def test_every_file_belongs_to_a_call() -> None:
    assert {file.name for file in FOLDER.glob("*.json")} == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_the_file_is_what_the_call_takes(name: str) -> None:
    body = load(name)
    assert report(name, body) == ""
    service, operation = CALLS[name]
    assert wrong_enums(body, service_model(service).operation_model(operation).input_shape) == []


@pytest.mark.parametrize(
    ("name", "mistake", "message"),
    [
        ("task-definition.json", {"famly": "iris-api"}, 'Unknown parameter in input: "famly"'),
        ("task-definition.json", {"cpu": 1024}, "Invalid type for parameter cpu"),
        ("service.json", {"desiredCount": "3"}, "Invalid type for parameter desiredCount"),
        ("scaling-policy.json", {"PolicyNam": "x"}, 'Unknown parameter in input: "PolicyNam"'),
    ],
)
def test_a_planted_mistake_is_refused(name: str, mistake: dict[str, Any], message: str) -> None:
    assert message in report(name, load(name) | mistake)


def test_a_planted_value_the_service_does_not_know_is_refused() -> None:
    shape = service_model("ecs").operation_model("CreateService").input_shape
    assert wrong_enums({"launchType": "FARGAT"}, shape) == ["LaunchType: FARGAT"]


def test_the_cpu_and_memory_are_a_pair_that_fargate_sells() -> None:
    task = load("task-definition.json")
    assert int(task["memory"]) in FARGATE_MEMORY[int(task["cpu"])]
    assert (task["requiresCompatibilities"], task["networkMode"]) == (["FARGATE"], "awsvpc")
    assert load("service.json")["launchType"] == "FARGATE"


def test_the_container_can_write_nowhere_but_tmp_and_its_log_and_is_nobody(container: dict[str, Any]) -> None:
    assert container["readonlyRootFilesystem"] is True
    assert container["privileged"] is False
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert [mount["containerPath"] for mount in container["linuxParameters"]["tmpfs"]] == ["/tmp"]  # noqa: S108 (a path in the container)
    assert [mount["containerPath"] for mount in container["mountPoints"]] == ["/audit"]
    assert container["user"] == dockerfile(r"^USER (\S+)$")[0]
    assert "taskRoleArn" not in load("task-definition.json")  # the API calls no AWS service


def test_the_audit_log_outlives_its_task_and_is_written_under_a_key_that_no_file_holds(
    container: dict[str, Any],
) -> None:
    environment = {entry["name"]: entry["value"] for entry in container["environment"]}
    (mount,), (volume,) = container["mountPoints"], load("task-definition.json")["volumes"]
    assert environment["AUDIT_DIR"].startswith(f"{mount['containerPath']}/")
    assert mount["sourceVolume"] == volume["name"]
    assert volume["efsVolumeConfiguration"]["transitEncryption"] == "ENABLED"
    assert "AUDIT_KEY" not in environment
    assert [(secret["name"], secret["valueFrom"].partition(":secret:")[2]) for secret in container["secrets"]] == [
        ("AUDIT_KEY", "iris-api-audit")
    ]


def test_the_access_point_writes_as_the_containers_user(container: dict[str, Any]) -> None:
    point = load("access-point.json")
    owner = point["RootDirectory"]["CreationInfo"]
    assert point["FileSystemId"] == load("task-definition.json")["volumes"][0]["efsVolumeConfiguration"]["fileSystemId"]
    for user, group in [
        (point["PosixUser"]["Uid"], point["PosixUser"]["Gid"]),
        (owner["OwnerUid"], owner["OwnerGid"]),
    ]:
        assert f"{user}:{group}" == container["user"]


def test_the_ports_are_the_images(container: dict[str, Any]) -> None:
    ports = {mapping["name"]: mapping["containerPort"] for mapping in container["portMappings"]}
    settings = IrisSettings.model_fields
    assert ports == {"http": settings["port"].default, "grpc": settings["grpc_port"].default}
    assert " ".join(map(str, ports.values())) == dockerfile(r"^EXPOSE (.+)$")[0]
    (balancer,) = load("service.json")["loadBalancers"]
    assert (balancer["containerName"], balancer["containerPort"]) == (container["name"], ports["http"])
    assert load("target-group.json")["Port"] == ports["http"]
    assert f"'127.0.0.1', {ports['http']}" in container["healthCheck"]["command"][-1]


def test_a_failing_health_check_replaces_the_task_so_it_asks_for_life_and_the_balancer_for_readiness(
    container: dict[str, Any],
) -> None:
    assert "/healthz" in container["healthCheck"]["command"][-1]
    assert load("target-group.json")["HealthCheckPath"] == "/readyz"


def test_the_task_has_time_to_drain(container: dict[str, Any]) -> None:
    environment = {entry["name"]: entry["value"] for entry in container["environment"]}
    drain_s = float(environment["IRIS_DRAIN_S"]) + float(environment["IRIS_DRAIN_TIMEOUT_S"])
    assert drain_s < container["stopTimeout"] <= MAX_STOP_S


def test_a_failing_deployment_stops_and_rolls_back_without_losing_capacity() -> None:
    deployment = load("service.json")["deploymentConfiguration"]
    assert deployment["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert deployment["minimumHealthyPercent"] == 100


def test_the_autoscaler_moves_the_service_that_is_created() -> None:
    service, target, policy = load("service.json"), load("scalable-target.json"), load("scaling-policy.json")
    assert target["ResourceId"] == policy["ResourceId"] == f"service/{service['cluster']}/{service['serviceName']}"
    assert target["MinCapacity"] <= service["desiredCount"] <= target["MaxCapacity"]
    assert load("task-definition.json")["family"] == service["taskDefinition"]


def test_every_placeholder_is_explained_and_no_accounts_data_is_in_the_files() -> None:
    text = "".join((FOLDER / name).read_text(encoding="utf-8") for name in CALLS)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    used = set(PLACEHOLDER.findall(text))
    assert used == set(re.findall(r"`([A-Z][A-Z_]+)`", readme))
    assert not re.search(r"\b\d{12}\b|\b(subnet|sg|vpc)-[0-9a-f]{8,}", text)


def test_the_image_is_the_pinned_one(container: dict[str, Any]) -> None:
    assert container["image"].endswith(f"/iris-api:{load_versions()['images']['iris-api']['version']}")


def dockerfile(pattern: str) -> list[str]:
    text = (ROOT / "01-beginner-iris-api/docker/iris-api.Dockerfile").read_text(encoding="utf-8")
    return re.findall(pattern, text, re.MULTILINE)
