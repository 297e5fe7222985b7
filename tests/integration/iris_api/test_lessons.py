from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from iris_api.commands import formats, ladder
from iris_api.commands.codecs import CODECS
from iris_api.commands.formats import measure
from iris_api.domain.flower import as_dict
from iris_api.training.golden import Golden
from workbench.bench import Peer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.iris_process import IrisServer


@pytest.fixture
def folder(tmp_path: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the lesson's own, with a trained model where the settings look for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORMATS_SECONDS", "0.001")
    monkeypatch.setenv("LADDER_ROUNDS", "1")
    monkeypatch.setenv("LADDER_SECONDS", "0.2")
    shutil.copytree(model_dir, tmp_path / ".run/1/models/iris/1")
    return tmp_path


@pytest.fixture
def short_ladder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rung that starts quickly; the lesson's README climbs all of them."""
    (folder / "ladder").mkdir()
    shutil.copy(ladder.LADDER / "rung_2_onnx.py", folder / "ladder")
    monkeypatch.setattr(ladder, "LADDER", folder / "ladder")


@pytest.mark.slow
@pytest.mark.usefixtures("short_ladder")
def test_the_ladder_measures_every_rung_and_the_api(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ladder.main() == 0
    report = msgspec.json.decode((folder / ".run/bench/ladder-1.json").read_bytes())
    assert [row["name"] for row in report["rows"]] == ["2 onnx", "the API, observed"]
    assert all(row["rps"] > 0 and row["p99_ms"] >= row["p50_ms"] > 0 for row in report["rows"])
    assert report["hardware"]
    printed = capsys.readouterr().out
    assert "× the tutorial's requests per second (goal: 4×; " in printed
    assert " in 1 rounds)" in printed
    assert [len(row["rounds"]) for row in report["rows"]] == [1, 1]


def test_a_rung_with_wrong_answers_does_not_count(iris_server: IrisServer, golden: Golden) -> None:
    peer = Peer("2 onnx", [], iris_server.port)
    bodies = [msgspec.json.encode(as_dict(row)) for row in golden.features]
    assert len(ladder._checked_answers(peer, bodies, golden)) == len(bodies)
    probabilities = golden.probabilities.copy()
    probabilities[0] = [0.0, 0.0, 1.0]
    with pytest.raises(SystemExit, match="2 onnx: its answers are not those of scikit-learn"):
        ladder._checked_answers(peer, bodies, Golden(golden.features, golden.labels, probabilities))


def test_the_formats_are_measured_at_each_size(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert formats.main() == 0
    rows = msgspec.json.decode((folder / ".run/bench/formats-1.json").read_bytes())["rows"]
    assert [(row["rows"], row["format"]) for row in rows] == [(n, name) for n in (1, 100, 10_000) for name in CODECS]
    assert all(row["encode_us"] > 0 and row["decode_us"] > 0 for row in rows)
    assert "Arrow" in capsys.readouterr().out


def test_a_format_that_changes_the_rows_is_refused() -> None:
    lossy = (lambda rows: rows.astype(np.float16).tobytes(), lambda data: np.frombuffer(data, np.float16).reshape(1, 4))
    with pytest.raises(SystemExit, match="lossy: does not give back the rows it was given"):
        measure("lossy", lossy, np.array([[5.1, 3.5, 1.4, 0.2]]), 1)
