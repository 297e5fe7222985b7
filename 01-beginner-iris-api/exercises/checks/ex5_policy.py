"""What exercise 5 must do: kustomize builds it, Kubernetes would take it, and the house rules hold."""

from __future__ import annotations

from pathlib import Path

from course.exercises import CheckFailedError, expect, expect_equal
from workbench.manifests import Document, ManifestError, build, check_policy, validate

BASE = Path(__file__).parents[1] / "ex5_policy" / "base"
SHIPPED_BREACHES = 14


def check_kustomize_builds_it_and_kubernetes_would_take_it(answer: Path) -> None:
    expect_equal("breaches of the house rules in base/, which stays as it is,", breaches(BASE), SHIPPED_BREACHES)
    for file in BASE.iterdir():
        given = answer / "base" / file.name
        expect(
            not given.exists() or given.read_bytes() == file.read_bytes(), f"base/{file.name}: expected it unchanged"
        )
    problems = validate(built(answer), "1.36")
    expect(not problems, f"{len(problems)} left, the first is {problems[0] if problems else ''}")


def check_every_house_rule_holds(answer: Path) -> None:
    problems = check_policy(built(answer))
    if problems:
        first = problems[0]
        raise CheckFailedError(f"{len(problems)} left, the first is {first.path} {first.value!r}: {first.expectation}")


def check_it_is_still_the_same_service(answer: Path) -> None:
    deployment = next((document for document in built(answer) if document.kind == "Deployment"), None)
    if deployment is None:
        raise CheckFailedError("the Deployment is gone: expected it as it was, but for what the rules ask")
    pod = deployment.body["spec"]["template"]["spec"]
    expect_equal("the containers", [container["name"] for container in pod["containers"]], ["iris-api"])
    container = pod["containers"][0]
    expect_equal("the image", container["image"], "registry.example.com/iris-api:0.1.0")
    expect_equal("the liveness probe's path", container["livenessProbe"]["httpGet"]["path"], "/healthz")


def breaches(folder: Path) -> int:
    """How many of the house rules' problems a kustomization has."""
    return len(check_policy(built(folder)))


def built(answer: Path) -> list[Document]:
    """The documents that kustomize makes of the answer."""
    try:
        return build(answer)
    except ManifestError as error:
        raise CheckFailedError(str(error)) from None
