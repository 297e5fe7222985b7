"""Every framework starts and answers as scikit-learn does; whoever cannot costs its own row only."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil
import pytest

from iris_api.commands.frameworks.__main__ import main
from iris_api.commands.frameworks.contest import contest, known_names
from iris_api.commands.frameworks.exchange import check, requests_for
from iris_api.commands.frameworks.field import FOLDER, read_field
from iris_api.commands.frameworks.place import PlaceError, environment_of, make_environment
from iris_api.commands.frameworks.start import ALIKE, start
from iris_api.commands.ladder import train_tutorial_model
from servekit.loopback import client
from tests.interrupted import INTERRUPTED
from tests.patience import GENEROUS_S, until
from tests.ports import free_ports
from workbench.processes import is_alive
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iris_api.commands.frameworks.field import Framework
    from iris_api.commands.frameworks.start import Started
    from iris_api.training.golden import Golden

BY_NAME = {each.name: each for each in read_field()}
BROKEN = msgspec.structs.replace(
    BY_NAME["fastapi-onnx"], name="broken", command=["{main}", "-c", "raise SystemExit('no model today')"]
)
LACKING = msgspec.structs.replace(BY_NAME["fastapi-onnx"], name="lacking", needs=["no-such-program"], why_not="get it")


@pytest.fixture(autouse=True)
def _ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iris_api.commands.frameworks.start.free_ports", free_ports)


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.slow
@pytest.mark.usefixtures("checkout")
def test_who_cannot_run_has_a_row_with_the_reason_and_the_others_have_figures(model_dir: Path, golden: Golden) -> None:
    told: list[str] = []
    field = [BY_NAME["fastapi-onnx"], BROKEN, LACKING]
    good, broken, lacking = contest(field, model_dir, golden, rounds=2, seconds=0.2, progress=told.append)
    assert good.why_not is None
    assert good.figures is not None
    assert good.figures.rps > 0
    assert (good.packages or 0) > 5
    assert (good.start_s or 0) > 0
    assert broken.figures is None
    assert broken.why_not == "it exited with 1 before it was ready: no model today"
    assert lacking.why_not == "no-such-program is not here: get it"
    assert "round 2 of 2: fastapi-onnx" in told
    assert not [each for each in psutil.Process().children() if "rung_2_onnx:app" in each.cmdline()]


@pytest.mark.slow
@pytest.mark.usefixtures("checkout")
def test_our_api_is_asked_about_the_protocol_it_claims(
    model_dir: Path, golden: Golden, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ours,) = contest([BY_NAME["ours"]], model_dir, golden, rounds=1, seconds=0.2, progress=lambda _: None)
    assert ours.oip is not None
    assert (ours.oip.failed_must, ours.oip.failed_should) == (0, 0)
    assert ours.oip.passed > 50
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONLY", "flask")
    assert main([]) == 2
    assert "ONLY flask: no such framework" in capsys.readouterr().err


def test_an_environment_that_cannot_be_installed_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Makefile").write_text("%:\n\t@echo no network >&2; exit 1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlaceError, match="its environment cannot be installed: no network"):
        make_environment(BY_NAME["litserve"])


@pytest.mark.slow
def test_ctrl_c_stops_every_server(short_folder: Path, tmp_path: Path, model_dir: Path) -> None:
    command = [sys.executable, "-m", "iris_api.commands.frameworks", "--rounds", "1000", "--seconds", "1"]
    given = {"ONLY": "fastapi-onnx litserve", "IRIS_MODEL_DIR": str(model_dir), "TMPDIR": str(short_folder)}
    log = tmp_path / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, **given}, stdout=out, stderr=out) as run,
    ):
        until(lambda: "round 1 of 1000: litserve" in log.read_text(), log.read_text, limit_s=240)
        servers = psutil.Process(run.pid).children(recursive=True)
        assert len(servers) > 2
        run.send_signal(signal.SIGINT)
        assert run.wait(GENEROUS_S) in INTERRUPTED
    assert "interrupted: every server is stopped" in log.read_text()
    until(lambda: not any(map(is_alive, servers)))  # a server's own workers end after it


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """One whose path leaves room for the names of Ray's sockets, of which Linux takes 107 characters."""
    with tempfile.TemporaryDirectory(prefix="iris-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    "framework",
    [pytest.param(each, id=name, marks=[pytest.mark.alone] * name.startswith("ray")) for name, each in BY_NAME.items()],
)  # Ray gives up a start that takes it a minute, as it may beside other tests
def test_a_framework_starts_and_answers_as_scikit_learn_does(
    framework: Framework, model_dir: Path, golden: Golden, short_folder: Path, stack: ExitStack
) -> None:
    names = placed(framework, model_dir, short_folder)
    started = start(framework, stack, names, golden)
    assert started.seconds > 0
    assert len(started.contender.answers or ()) == 150
    assert all(started.contender.answers or ())
    if framework.name not in {"ours", "openvino"}:  # theirs is part of the telemetry that is measured
        assert lines_for_requests(started, short_folder / framework.name / "log", 50) < 50, "a line for each request"
    if framework.name == "mlflow":
        assert digest(short_folder / "mlflow/model/model.onnx") == digest(model_dir / "model.onnx")


@pytest.mark.slow
@pytest.mark.usefixtures("checkout")
def test_a_bento_is_built_without_an_index_and_served(
    model_dir: Path, golden: Golden, stack: ExitStack, tmp_path: Path
) -> None:
    plain = BY_NAME["bentoml"]
    names = placed(plain, model_dir, tmp_path)
    source = shutil.copytree(FOLDER / "bentoml", tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__"))
    program = str(environment_of(plain) / "bin/bentoml")
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    nowhere["PATH"] = f"{ROOT / '.venvs/uv/bin'}:{os.environ['PATH']}"  # without uv, BentoML asks an index for it
    home = {**os.environ, "BENTOML_HOME": names["work"], **ALIKE, **nowhere}
    command = [program, "build", "--output", "tag"]
    built = subprocess.run(command, cwd=source, env=home, check=True, capture_output=True, text=True)
    tag = built.stdout.strip().removeprefix("__tag__:")
    assert tag.startswith("iris:")
    words = ["{bin}/bentoml", "serve", tag, "--host", "127.0.0.1", "--port", "{port}", "--api-workers", "1"]
    assert start(msgspec.structs.replace(plain, command=words), stack, names, golden).seconds > 0


def lines_for_requests(started: Started, log: Path, times: int) -> int:
    """How many lines the server's log gains while it is asked that often."""
    before, request = log.read_bytes().count(b"\n"), started.contender.requests[0]
    with client(base_url=f"http://127.0.0.1:{started.contender.peer.port}", timeout=10) as http:
        for _ in range(times):
            http.post(request.path, content=request.body, headers=dict(request.headers)).raise_for_status()
    return log.read_bytes().count(b"\n") - before


def placed(framework: Framework, model_dir: Path, folder: Path) -> dict[str, str]:
    """The names in the framework's command, its environment made; a test is skipped where it needs what is not here."""
    try:
        make_environment(framework)
    except PlaceError as reason:
        if framework.needs:
            pytest.skip(str(reason))
        raise
    work = folder / framework.name
    work.mkdir()
    train_tutorial_model(folder / "model.joblib")
    return {**known_names(folder, model_dir), "work": str(work)}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


ASK = """
import json, sys
import numpy as np, tensorflow as tf
call = tf.saved_model.load(sys.argv[1] + "/1").signatures["serving_default"]
(features,) = call.structured_input_signature[1].values()
given = [json.loads(line)["instances"] for line in sys.stdin]
called = [call(tf.constant(rows, tf.float32)) for rows in given]
answers = [{name: values.numpy().tolist() for name, values in each.items()} for each in called]
found = [[dict(zip(each, values)) for values in zip(*each.values())] for each in answers]
print(json.dumps([features.name, features.shape.as_list(), [{"predictions": each} for each in found]]))
"""
"""What TensorFlow Serving does with a request: its rows into the signature, its outputs by row."""


@pytest.mark.slow
@pytest.mark.usefixtures("checkout")
def test_the_saved_model_has_our_signature_and_answers_our_requests(
    model_dir: Path, golden: Golden, tmp_path: Path
) -> None:
    served = BY_NAME["tensorflow-serving"]
    placeless = msgspec.structs.replace(served, needs=[])
    python = str(environment_of(placeless) / "bin/python") if make_environment(placeless) else ""
    environment = {**os.environ, **ALIKE, "IRIS_ONNX": str(model_dir / "model.onnx"), "TF_CPP_MIN_LOG_LEVEL": "2"}
    export = [python, str(FOLDER / "tensorflow/export.py"), str(tmp_path / "iris")]
    subprocess.run(export, env=environment, check=True, capture_output=True)
    bodies = b"\n".join(each.body for each in requests_for("tensorflow", served.path, golden))
    asked = subprocess.run(
        [python, "-c", ASK, str(tmp_path / "iris")], input=bodies, env=environment, check=True, stdout=subprocess.PIPE
    )
    name, shape, answers = msgspec.json.decode(asked.stdout)
    assert (name, shape) == ("features", [None, 4])
    check("tensorflow", [msgspec.json.encode(each) for each in answers], golden)
