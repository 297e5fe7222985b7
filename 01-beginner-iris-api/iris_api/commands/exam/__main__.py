"""``make exam-1`` examines the level that runs here, starts it if it is not up, or asks the one at ``URL``.

With ``CONTEXT`` that is the one in a cluster, whose pods and their logs are in reach, too.
"""

from __future__ import annotations

import os
import sys

from course.exam import ClusterService, Examined, LevelExam
from course.exam.command import main
from iris_api.commands.exam import answers, running
from iris_api.commands.stack import stack
from iris_api.settings import IrisSettings
from workbench.stack import host_of

__all__ = ["EXAM", "here"]


def here(seed: int) -> Examined:
    """The level that was started from this folder, by its settings."""
    settings = IrisSettings()
    url = f"http://127.0.0.1:{settings.port}"
    facts = {"grpc": f"127.0.0.1:{settings.grpc_port}", "model_dir": settings.model_dir}
    return Examined(1, url, stack(), seed, (f"{url}/metrics",), facts)


def _elsewhere(url: str, seed: int) -> Examined:
    """The level at an address; over gRPC too where ``IRIS_GRPC_PORT`` says at which of its ports."""
    settings = IrisSettings()
    grpc = f"{host_of(url)}:{settings.grpc_port}" if "IRIS_GRPC_PORT" in os.environ else None
    return Examined(1, url, None, seed, (f"{url}/metrics",), {"grpc": grpc, "model_dir": settings.model_dir})


EXAM = LevelExam(
    level=1,
    package="iris_api",
    code=("01-beginner-iris-api/iris_api", "shared/servekit"),
    checks={
        "conformance": answers.conformance,
        "correctness": answers.correctness,
        "agreement": answers.agreement,
        "bad-input": answers.bad_input,
        "sla": running.sla,
        "drain": running.drain,
        "kill": running.comes_back,
        "metrics": running.metrics,
        "traces": running.traces,
        "logs": running.logs,
        "audit": running.audit,
    },
    here=here,
    elsewhere=_elsewhere,
    served=ClusterService("iris-api", "iris-api", 8100, {"iris.example.com/client": "true"}),
    in_cluster={
        "logs": running.pod_logs,
        "drain": running.restart,
        "kill": running.killed_pod,
    },
)

if __name__ == "__main__":
    sys.exit(main(EXAM))
