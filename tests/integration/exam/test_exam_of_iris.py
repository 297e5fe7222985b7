"""Level 1's exam: the reference gets 100 points, and each planted defect loses its own criterion and no other."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from iris_api.adapters.artefact import read_artefact, write_artefact
from iris_api.commands.exam.__main__ import EXAM, here
from iris_api.commands.stack import stack
from tests.exam_taking import ENVIRONMENT, KILLS, full_marks, lost, overwrite, running, slow_now_and_then, started
from tests.faulty_proxy import Asked, Replied, as_dead, faulty, forgets_the_trace
from tests.interrupted import INTERRUPTED
from tests.patience import GENEROUS_S, until
from tests.ports import free_ports
from workbench.stack import down, find_started
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from course.exam import Examined
    from workbench.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.alone]

MODEL = Path(".run/1/models/iris/1")
QUICK = ("conformance", "correctness", "agreement", "bad-input", "metrics", "traces", "logs", "audit")
"""What takes a second or less, and stops nothing."""


@pytest.fixture(scope="module", autouse=True)
def place(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder with the trained model, and ports of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, port in zip(("IRIS_PORT", "IRIS_GRPC_PORT"), free_ports(2), strict=True):
            patch.setenv(variable, str(port))
        for variable, value in ENVIRONMENT.items():
            patch.setenv(variable, value)
        patch.chdir(tmp_path_factory.mktemp("exam"))
        shutil.copytree(model_dir, MODEL)
        yield
        down(stack(), make_console())


def wrapped(*words: str) -> Stack:
    """The level with its server started by this command."""
    level = stack()
    (process,) = level.processes
    return replace(level, processes=[replace(process, command=[*words, *process.command])])


@pytest.fixture
def level(place: None) -> Examined:
    """The level without a defect; it stays up from one test to the next, unless one in between had a defect."""
    del place
    return started(stack(), here)


def test_ctrl_c_leaves_a_level_that_was_not_up_as_it_was(place: None) -> None:
    del place
    down(stack(), make_console())
    written = Path("interrupted.log")
    with written.open("w") as output:
        command = [sys.executable, "-u", "-m", "iris_api.commands.exam", "--yes", "--out", "interrupted"]
        exam = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        until(lambda: "questions drawn with seed" in written.read_text(), written.read_text)
        exam.send_signal(signal.SIGINT)
        assert exam.wait(GENEROUS_S) in INTERRUPTED, written.read_text()
    finally:
        exam.kill()
    assert find_started(1) is None
    assert "the exam starts it, and stops it afterwards" in written.read_text()
    assert not Path("interrupted").exists()


def test_the_reference_gets_every_point(
    level: Examined, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert level.url
    printed, result = full_marks(EXAM, Path(".run/exam"), monkeypatch, capsys)
    assert max(map(len, printed.splitlines())) <= 80 or ".run/exam/1.html" in printed
    assert result["date"].startswith("20")
    assert "100 of 100 points" in Path(".run/exam/1.html").read_text()


def backwards(asked: Asked, replied: Replied) -> Replied:
    """Answers a batch in the opposite order."""
    if asked.path != "/v1/predict" or replied.status != 200:
        return replied
    answer = json.loads(replied.body)
    return replied._replace(body=json.dumps({**answer, "predictions": answer["predictions"][::-1]}).encode())


def fails_on_nothing(asked: Asked, replied: Replied) -> Replied:
    """Answers an empty batch as a server does that divides by its size."""
    return replied._replace(status=500) if asked.body == b"[]" else replied


def uncounted(asked: Asked, replied: Replied) -> Replied:
    """Has no counter of requests among the metrics."""
    if asked.path != "/metrics":
        return replied
    lines = replied.body.splitlines(keepends=True)
    return replied._replace(body=b"".join(each for each in lines if b"serving_requests_total" not in each))


@pytest.mark.parametrize(
    ("criterion", "fault", "seen"),
    [
        ("conformance", {"reply": as_dead}, "MUST failed"),
        ("agreement", {"reply": backwards}, "JSON, one batch answers"),
        ("bad-input", {"reply": fails_on_nothing}, "1 of 17 wrong requests: an empty batch: 500, expected 422"),
        ("metrics", {"reply": uncounted}, "no metric serving_requests_total{endpoint=/v1/predict, result=answered}"),
        ("traces", {"ask": forgets_the_trace}, "the traceparent is lost"),
    ],
)
def test_a_hop_with_a_defect_loses_one_criterion(
    level: Examined, criterion: str, fault: dict[str, Any], seen: str
) -> None:
    with faulty(level.url, **fault) as url:
        found = lost(EXAM, replace(level, url=url, metrics=(f"{url}/metrics",)), QUICK)
    assert list(found) == [criterion], found
    assert seen in found[criterion]


def test_a_slow_hop_loses_the_sla(level: Examined) -> None:
    with faulty(level.url, ask=slow_now_and_then(0.1, every=20)) as url:
        examined = replace(level, url=url, metrics=(f"{url}/metrics",))
        found = lost(EXAM, examined, ["sla", "correctness", "metrics"])
    assert list(found) == ["sla"], found
    assert "p99_ms" in found["sla"]


def test_a_line_of_the_audit_log_that_was_changed_loses_the_audit(level: Examined) -> None:
    assert lost(EXAM, level, ["audit"]) == {}
    (path,) = (level.home / "audit").glob("worker-*.000001.jsonl")
    at = path.read_bytes().index(b'"latency_s":0') + len('"latency_s":')
    overwrite(path, at, b"9")
    try:
        found = lost(EXAM, level, QUICK)
    finally:
        overwrite(path, at, b"0")
    assert list(found) == ["audit"], found
    assert "not intact" in found["audit"]


def test_a_constant_model_logs_that_go_nowhere_and_no_second_start_each_lose_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph, card = read_artefact(MODEL)
    constant = Path("constant/iris/1")
    shutil.copytree(MODEL, constant)
    same = constant_graph(graph)
    write_artefact(constant, same, msgspec.structs.replace(card, sha256=hashlib.sha256(same).hexdigest()))
    level = wrapped("sh", "-c", 'test -e once && exit 1; touch once; exec "$0" "$@" >/dev/null')

    def asked_by_the_right_model(seed: int) -> Examined:
        monkeypatch.delenv("IRIS_MODEL_DIR")
        return here(seed)

    monkeypatch.setenv("IRIS_MODEL_DIR", str(constant))
    with running(level, asked_by_the_right_model, patience_s=4.0, written_s=3.0) as examined:
        found = lost(EXAM, examined, (*QUICK, "kill"))
    assert list(found) == ["correctness", "logs", "kill"], found
    assert "of 40 answers are wrong" in found["correctness"]
    assert "no JSON line with trace.id" in found["logs"]
    assert found["kill"].startswith("killed: ")  # an answer may still have come right after it


def test_a_wrapper_that_kills_instead_of_passing_the_signal_on_loses_the_drain() -> None:
    Path("wrapper.py").write_text(KILLS)
    # "kill" is to be earned, however long a busy machine takes to start the server again
    with running(wrapped(sys.executable, "wrapper.py"), here, patience_s=60.0) as examined:
        found = lost(EXAM, examined, ("correctness", "drain", "kill", "metrics"))
    assert list(found) == ["drain"], found
    assert "connections lost a request when iris-api was stopped" in found["drain"]


def constant_graph(graph: bytes) -> bytes:
    """The model with every flower replaced by one whose lengths are 0."""
    model = onnx.load_from_string(graph)
    (features,) = [each.name for each in model.graph.input]
    for node in model.graph.node:
        node.input[:] = ["nothing" if name == features else name for name in node.input]
    model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.float32), "zero"))
    model.graph.node.insert(0, helper.make_node("Mul", [features, "zero"], ["nothing"]))
    return bytes(model.SerializeToString())
