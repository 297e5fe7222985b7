"""A Deployment in a cluster, and the pod that calls it: what is asked of kubectl (a stand-in), and what is sent."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from tests.patience import GENEROUS_S
from workbench.cluster import workload
from workbench.cluster.shell import ClusterError
from workbench.cluster.target import KubeContext, Right, missing_rights
from workbench.cluster.workload import CALLING, DELETING, Answered, Calls, Workload, images_in

if TYPE_CHECKING:
    from pathlib import Path

IRIS = Workload(KubeContext("theirs"), "iris", "iris-api")
CALLS = Calls("http://iris-api.iris.svc:8100/v1/predict", b"{}", {"x": "y"}, labels={"may": "call"})
DEPLOYMENT = {
    "spec": {
        "selector": {"matchLabels": {"app": "iris", "tier": "api"}},
        "template": {
            "spec": {
                "securityContext": {"runAsNonRoot": True},
                "serviceAccountName": "iris-api",
                "volumes": [{"name": "tmp", "emptyDir": {}}],
                "containers": [{"name": "iris-api", "image": "iris-api:dev-1", "securityContext": {"a": 1}, "env": []}],
            }
        },
    }
}
STATE = {"image": "iris-api:dev-1", "imageID": "docker.io/iris-api@sha256:d1"}
PODS = {"items": [{"metadata": {"name": "iris-api-1"}, "status": {"containerStatuses": [STATE, STATE]}}]}
WAITS = {"status": {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}}
KUBECTL = """#!/bin/sh
echo "$*" >> {folder}/log
case "$*" in
  *" get deployment "*) cat {folder}/deployment ;;
  *" get pods "*) cat {folder}/pods ;;
  *" get pod "*) cat {folder}/waits ;;
  *" create -f -") cat > {folder}/created ;;
  *" wait "*) exit $(cat {folder}/ready) ;;
  *" logs --follow "*) printf '200 0.004 \\n0 2.001 TimeoutError\\n'; exec sleep 600 ;;
  *" can-i delete pods "*) exit 1 ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (
        ("deployment", json.dumps(DEPLOYMENT)),
        ("pods", json.dumps(PODS)),
        ("ready", "0"),
        ("waits", json.dumps(WAITS)),
    ):
        (tmp_path / name).write_text(text)
    (tmp_path / "kubectl").write_text(KUBECTL.format(folder=tmp_path))
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_calls_come_from_a_pod_like_the_level_s_that_no_service_takes_for_one(kubectl: Path) -> None:
    heard, whole = list[Answered](), Event()

    def note(answered: Answered) -> None:
        heard.append(answered)
        if len(heard) == 2:
            whole.set()

    with IRIS.called(CALLS, note):
        assert whole.wait(60)
    assert heard == [Answered(200, 0.004, ""), Answered(0, 2.001, "TimeoutError")]
    body = json.loads((kubectl / "created").read_text())
    (container,) = body["spec"]["containers"]
    assert body["metadata"]["labels"] == {"app.kubernetes.io/name": "caller", "may": "call"}
    assert (body["spec"]["securityContext"], container["securityContext"]) == ({"runAsNonRoot": True}, {"a": 1})
    assert (container["image"], body["spec"]["restartPolicy"]) == ("iris-api:dev-1", "Never")
    assert not {"volumes", "serviceAccountName"} & set(body["spec"])
    assert json.loads(container["command"][-1])["url"] == CALLS.url
    last = (kubectl / "log").read_text().splitlines()[-1]
    assert f" delete pod {body['metadata']['name']} " in last


def test_a_pod_that_cannot_start_is_named_with_its_reason_and_deleted(kubectl: Path) -> None:
    (kubectl / "ready").write_text("1")
    with (
        pytest.raises(ClusterError, match=r"^pod caller-\w+, which sends the requests: not ready .*: ErrImagePull$"),
        IRIS.called(CALLS, print),
    ):
        pytest.fail("there are no calls without the pod")
    assert " delete pod caller-" in (kubectl / "log").read_text()


@pytest.mark.usefixtures("kubectl")
def test_rights_and_images_are_asked_of_the_cluster() -> None:
    asked = IRIS.rights(*CALLING, *DELETING)
    assert missing_rights(IRIS.target, asked) == [Right("delete", "pods", "iris")]
    assert str(asked[0]) == "create pods in namespace iris"
    assert images_in(IRIS.target, "iris") == ["iris-api:dev-1 (sha256:d1)"]


def test_a_pod_is_killed_by_its_deployment_s_labels(kubectl: Path) -> None:
    assert IRIS.kill_pod() == "iris-api-1"
    *_, listed, deleted = (kubectl / "log").read_text().splitlines()
    assert " get pods --selector app=iris,tier=api " in listed
    assert " delete pod iris-api-1 --grace-period=0 --force " in deleted


class Answers(BaseHTTPRequestHandler):
    """Keeps connections, and closes every third one."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[tuple[str, bytes, str | None]]]
    counting: ClassVar = Lock()

    def do_POST(self) -> None:
        asked = self.path, self.rfile.read(int(self.headers["content-length"])), self.headers["x"]
        with self.counting:
            self.asked.append(asked)
            number = len(self.asked)
        self.send_response(503 if number == 2 else 200)
        self.send_header("content-length", "0")
        if number % 3 == 0:
            self.send_header("connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def called(url: str, **more: Any) -> list[list[str]]:
    """The lines that the caller prints, as words."""
    told = {"url": url, "body": "{}", "headers": {"x": "y"}, "rate_rps": 100, "seconds": 0.2, "timeout_s": GENEROUS_S}
    source = workload._CALLER.read_text()
    done = subprocess.run(
        [sys.executable, "-I", "-c", source, json.dumps(told | more)], capture_output=True, text=True, check=True
    )
    return [line.split(" ") for line in done.stdout.splitlines()]


def test_the_caller_sends_each_request_once_and_says_what_became_of_it() -> None:
    class Server(Answers):
        asked: ClassVar = []

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        lines = called(f"http://127.0.0.1:{server.server_address[1]}/v1/predict")
        server.shutdown()
        thread.join()
    assert sorted(line[0] for line in lines) == ["200"] * 19 + ["503"]
    assert Server.asked == [("/v1/predict", b"{}", "y")] * 20


def test_the_caller_goes_on_where_nobody_answers() -> None:
    lines = called("http://127.0.0.1:9/", seconds=0.03)
    assert [(line[0], line[2]) for line in lines] == [("0", "ConnectionRefusedError")] * 3
