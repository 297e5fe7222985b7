"""``make exam-2`` examines the level that runs here, starts it if it is not up, or asks the one at ``URL``."""

from __future__ import annotations

import sys

from course.exam import Examined, LevelExam
from course.exam.command import main
from recommender.commands.exam import answers, running
from recommender.commands.processes import placed_last, stack_of
from recommender.settings import RecommenderSettings
from workbench.cluster.reach import reached_context

__all__ = ["EXAM", "here"]


def here(seed: int) -> Examined:
    """The level that was started from this folder, by its settings."""
    settings = RecommenderSettings()
    url = f"http://127.0.0.1:{settings.port}"
    stack = stack_of(placed_last(settings), settings)
    return Examined(2, url, stack, seed, (f"{url}/metrics",), {"settings": settings})


def _elsewhere(url: str, seed: int) -> Examined:
    """The level at an address; in a cluster that is Seldon's executor, whose metrics have another path."""
    path = "prometheus" if reached_context() else "metrics"
    return Examined(2, url, None, seed, (f"{url}/{path}",), {"settings": RecommenderSettings()})


EXAM = LevelExam(
    level=2,
    package="recommender",
    code=(
        "02-intermediate-seldon-pipeline/recommender", "02-intermediate-seldon-pipeline/graph_router",
        "02-intermediate-seldon-pipeline/deploy", "shared/servekit",
    ),
    checks={
        "correctness": answers.correctness,
        "rules": answers.rules,
        "cold-start": answers.cold_start,
        "graph": answers.graph,
        "bad-input": answers.bad_input,
        "sla": running.sla,
        "stock": running.stock,
        "step-failure": running.step_failure,
        "drain": running.drain,
        "metrics": running.metrics,
        "traces": running.traces,
        "logs": running.logs,
    },
    here=here,
    elsewhere=_elsewhere,
    in_cluster={"bad-input": answers.bad_input_in_cluster, "metrics": running.executor_metrics},
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(EXAM))
