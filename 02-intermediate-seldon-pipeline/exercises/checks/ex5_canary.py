"""What exercise 5 must do: kustomize builds it, Seldon would take it, and the router shares the traffic by it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

from course.exercises import CheckFailedError, expect, expect_equal
from graph_router.adapters.deployment_yaml import read_deployment
from graph_router.domain.graph import Deployment, GraphError
from graph_router.service.traffic import Traffic
from recommender.commands.operator import find_deployment, place
from recommender.settings import RecommenderSettings
from workbench.manifests import Document, ManifestError, build, find_crds, validate
from workbench.versions import cluster

BASE = Path(__file__).parents[2] / "deploy" / "base"
REQUESTS, FEWEST, MOST = 4000, 900, 1100


def check_kustomize_builds_it_and_seldon_would_take_it(answer: Path) -> None:
    documents = built(answer)
    if find_crds() is not None:
        problems = validate(documents, cluster(2).minors[0])
        expect(not problems, f"{len(problems)} left, the first is {problems[0] if problems else ''}")


def check_the_second_predictor_is_the_canary(answer: Path) -> None:
    found = [(predictor.name, predictor.version) for predictor in deployment(answer).live]
    expect_equal("predictors and their versions", found, [("default", "1"), ("canary", "2")])


def check_a_quarter_of_the_requests_goes_to_it(answer: Path) -> None:
    found = deployment(answer)
    expect_equal("the traffic", [predictor.traffic for predictor in found.live], [75, 25])
    traffic = Traffic(found, Random(1))  # noqa: S311 - a split of traffic is no secret
    drawn = Counter(traffic.predictor().name for _ in range(REQUESTS))
    expect(FEWEST < drawn["canary"] < MOST, f"of {REQUESTS} requests the canary got {drawn['canary']}")


def check_a_call_may_take_half_a_second(answer: Path) -> None:
    found = {(predictor.rest_timeout_s, predictor.grpc_timeout_s) for predictor in deployment(answer).live}
    expect_equal("the timeouts over REST and gRPC, in seconds,", found, {(0.5, 0.5)})


def check_the_rest_is_as_it_was(answer: Path) -> None:
    before, after = (find_deployment([each.body for each in built(folder)])["spec"] for folder in (BASE, answer))
    first = {name: value for name, value in after["predictors"][0].items() if name != "traffic"}
    expect_equal("the first predictor", first, before["predictors"][0])


def deployment(answer: Path) -> Deployment:
    """The deployment as the router reads it."""
    try:
        return read_deployment(
            place(find_deployment([each.body for each in built(answer)]), RecommenderSettings()).document
        )
    except GraphError as error:
        raise CheckFailedError(str(error)) from None


def built(answer: Path) -> list[Document]:
    """The documents that kustomize makes of the answer."""
    try:
        return build(answer)
    except ManifestError as error:
        raise CheckFailedError(str(error)) from None
