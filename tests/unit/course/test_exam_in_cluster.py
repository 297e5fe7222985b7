"""An exam of a level in a cluster: which criteria it asks, what the certificate says. kubectl is a stand-in."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from course.exam import ClusterPlace, ClusterService, Examined, LevelExam, NotJudgedError, load_rubric
from course.exam.command import main
from course.exam.in_cluster import judge_killed_pod, judge_pod_logs, judge_restart, place_of
from course.exam.runner import IN_CLUSTER, REFUSED
from iris_api.commands.exam.__main__ import EXAM as IRIS
from recommender.commands.exam.__main__ import EXAM as FILMS
from shop.commands.exam.__main__ import EXAM as SHOP
from workbench.cluster.target import KubeContext
from workbench.load import Request
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVED = ClusterService("iris-api", "iris-api", 8100)
DEPLOYMENT = {"spec": {"selector": {"matchLabels": {"app": "iris"}}}}
PODS = {
    "items": [
        {
            "metadata": {"name": "a"},
            "status": {"containerStatuses": [{"image": "iris-api:dev", "imageID": "sha256:d1"}]},
        }
    ]
}
KUBECTL = """#!/bin/sh
case "$*" in
  *" can-i $(cat {folder}/denied) "*) exit 1 ;;
  *" get deployment "*) cat {folder}/deployment ;;
  *" get pods "*) cat {folder}/pods ;;
esac
"""


def well(_: Examined) -> str:
    return "as it should be"


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cluster where all is allowed but what the file ``denied`` says."""
    for name, text in (("deployment", json.dumps(DEPLOYMENT)), ("pods", json.dumps(PODS)), ("denied", "nothing")):
        (tmp_path / name).write_text(text)
    (tmp_path / "kubectl").write_text(KUBECTL.format(folder=tmp_path))
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.fixture
def exam(monkeypatch: pytest.MonkeyPatch, kubectl: Path) -> Iterator[LevelExam]:
    """Level 1's rubric with checks that are always met, at a forwarded port where something answers."""
    monkeypatch.chdir(kubectl)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("REACHED_CONTEXT", "theirs")
    monkeypatch.delenv("YES", raising=False)
    checks = {each.id: well for each in load_rubric(1).criterion}
    made = LevelExam(
        1, "iris_api", ("interview/exams",), checks, lambda _: pytest.fail("the level is not here"),
        lambda url, seed: Examined(1, url, None, seed), SERVED, dict.fromkeys(("logs", "drain", "kill"), well),
    )  # fmt: skip
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:  # any answer will do: the checks ask nothing
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("URL", f"http://127.0.0.1:{server.server_address[1]}")
        yield made
        server.shutdown()
        thread.join()


def result() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(Path(".run/exam/1.json").read_bytes())
    return read


def test_what_a_cluster_allows_is_asked_and_the_certificate_says_which_cluster_it_was(
    exam: LevelExam, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(exam, ["--yes"]) == 0
    found, printed = result(), " ".join(capsys.readouterr().out.split())
    assert found["left_out"] == ["traces", "audit"]
    assert found["cluster"] == {"context": "theirs", "namespace": "iris", "images": ["iris-api:dev (sha256:d1)"]}
    rows = {each["id"]: each for each in found["criteria"]}
    assert rows["traces"]["seen"] == IN_CLUSTER
    assert rows["drain"]["asked"].startswith("Every pod is replaced (kubectl rollout restart)")
    assert "level 1 at context theirs, namespace iris (forwarded to http://127.0.0.1:" in printed
    assert "examined in a cluster: context theirs, namespace iris; asked from: " in printed
    assert "code of this folder (the level ran in a cluster)" in printed
    page = Path(".run/exam/1.html").read_text(encoding="utf-8")
    for each in ("An exam of a deployment in a Kubernetes cluster.", "context theirs, namespace iris", "(sha256:d1)"):
        assert each in page


def test_pods_are_left_alone_unless_that_is_granted(
    exam: LevelExam, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(exam, []) == 0
    assert result()["left_out"] == ["traces", "audit", "drain", "kill"]
    assert result()["criteria"][-1]["seen"] == REFUSED
    keyboard = io.StringIO("n\n")
    keyboard.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", keyboard)
    assert main(exam, []) == 0
    assert "2 criteria stop pods of this level (context theirs, namespace iris)" in capsys.readouterr().out


def test_images_that_one_may_not_list_are_said_to_be_unknown(exam: LevelExam, kubectl: Path) -> None:
    (kubectl / "kubectl").write_text("#!/bin/sh\necho 'pods is forbidden' >&2; exit 1\n")
    assert main(exam, ["--yes"]) == 0
    (said,) = result()["cluster"]["images"]
    assert said.startswith("not known: kubectl --context theirs")
    assert said.endswith("pods is forbidden")


def never_asked(_: object) -> Any:
    pytest.fail("nothing is sent without the right to look for it")


IN_THEIRS = Examined(1, "http://127.0.0.1:9", place=ClusterPlace(KubeContext("theirs"), "iris", SERVED))


@pytest.mark.parametrize(
    ("question", "right", "judge"),
    [
        ("create pods", "create pods", lambda: judge_restart(IN_THEIRS, Request("/"))),
        ("patch deployments.apps", "patch deployments.apps", lambda: judge_restart(IN_THEIRS, Request("/"))),
        ("delete pods", "delete pods", lambda: judge_killed_pod(IN_THEIRS, Request("/"))),
        ("get pods --subresource log", "get pods/log", lambda: judge_pod_logs(IN_THEIRS, never_asked, "secret")),
    ],
)
def test_a_criterion_whose_right_is_missing_is_left_out_with_its_name(
    kubectl: Path, question: str, right: str, judge: Any
) -> None:
    (kubectl / "denied").write_text(question)
    with pytest.raises(NotJudgedError) as said:
        judge()
    assert str(said.value) == f"context theirs, namespace iris: a right is missing: {right}"


def test_a_level_elsewhere_has_no_pods_to_restart() -> None:
    with pytest.raises(NotJudgedError, match=r"name its cluster with CONTEXT=…$"):
        judge_restart(replace(IN_THEIRS, place=None), Request("/"))


def test_the_place_is_that_of_the_forwarded_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REACHED_CONTEXT", raising=False)
    assert place_of(1, SERVED) is None
    monkeypatch.setenv("REACHED_CONTEXT", "theirs")
    assert str(place_of(1, SERVED)) == "context theirs, namespace iris"


@pytest.mark.parametrize(
    ("level", "forwards"),
    [
        (1, "IRIS_PORT=iris-api:8100 IRIS_GRPC_PORT=iris-api:8101"),
        (2, "RECOMMENDER_PORT=recommender-default:8000 RECOMMENDER_VALKEY_PORT=inventory:6379"),
        (3, "SHOP_PORT=gateway:8310"),
    ],
)
def test_make_has_the_level_s_ports_forwarded_to_its_exam(level: int, forwards: str) -> None:
    told = ["make", "--dry-run", f"exam-{level}", "CONTEXT=theirs", f"PYTHON={sys.executable}"]
    said = subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    assert f"-m workbench.cluster.reach {level} {forwards} -- " in said
    assert said.endswith(".commands.exam")


@pytest.mark.parametrize("level", [IRIS, FILMS, SHOP])
def test_the_rubric_says_what_is_done_in_a_cluster_for_each_check_that_is_another_there(level: LevelExam) -> None:
    said = {each.id for each in load_rubric(level.level).criterion if each.cluster}
    assert set(level.in_cluster) == said
