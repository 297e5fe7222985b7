"""TensorRT's rows of the table, where this machine has a GPU and ``trtexec``; elsewhere there are none."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from shop.artefact import CHECK
from shop.optimize.forms import TENSORRT, TENSORRT_HALF
from shop.optimize.table import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.artefact import Artefact
    from shop.optimize.exam import Exam

__all__ = ["BUILDER", "missing", "tensorrt_rows"]

BUILDER = Path(__file__).resolve().parents[2] / "deploy" / "tensorrt" / "build_engine.py"
"""What builds and measures engines; the cluster's Job runs the same file."""

_GRAPHS = {TENSORRT_HALF: ("1", "FP16"), TENSORRT: ("2", "INT8")}
_TRTEXEC = ("trtexec", "/usr/src/tensorrt/bin/trtexec", "/opt/tensorrt/bin/trtexec")


def missing() -> str | None:
    """What keeps TensorRT from being measured here; None where nothing does."""
    if shutil.which("nvidia-smi") is None:
        return "no GPU"
    if not any(shutil.which(name) for name in _TRTEXEC):
        return "no trtexec, which comes with NVIDIA's package or image of TensorRT"
    return None


def tensorrt_rows(exam: Exam, optimised: Artefact) -> list[Row]:
    """Builds an engine from each graph that the version carries for TensorRT, and says how fast it is.

    Raises:
        ArtefactError: a graph is not what the card vouches for.
    """
    carried = {name: optimised.part(name) for name in (*_GRAPHS, CHECK) if name in optimised.card().files}
    with tempfile.TemporaryDirectory() as folder:
        _lay_out(Path(folder) / exam.model, exam, carried)
        done = subprocess.run(
            [sys.executable, str(BUILDER), "build", folder], capture_output=True, text=True, check=False
        )
        note = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no engine"
        return [_row(exam, Path(folder) / exam.model, name, note) for name in _GRAPHS if name in carried]


def _lay_out(folder: Path, exam: Exam, carried: Mapping[str, bytes]) -> None:
    """A model repository as the builder reads it."""
    folder.mkdir()
    name = "user" if exam.model == "personalisation" else "features"
    config = (
        "max_batch_size: 100\n"
        f'input [ {{ name: "{name}" data_type: TYPE_FP32 dims: [ {exam.held_out.shape[1]} ] }} ]\n'
        f'model_warmup [ {{ name: "typical" batch_size: {exam.batch} }} ]\n'
    )
    (folder / "config.pbtxt").write_text(config, encoding="utf-8")
    for graph, (version, precision) in _GRAPHS.items():
        if graph in carried:
            (folder / version).mkdir()
            (folder / version / "model.onnx").write_bytes(carried[graph])
            digests = {name: hashlib.sha256(carried[name]).hexdigest() for name in (graph, CHECK)}
            card = {"precision": precision, "files": digests}
            (folder / version / "model.json").write_text(json.dumps(card), encoding="utf-8")
            (folder / version / CHECK).write_bytes(carried[CHECK])


def _row(exam: Exam, folder: Path, graph: str, note: str) -> Row:
    version, precision = _GRAPHS[graph]
    name = f"{precision} TensorRT"
    try:
        record = json.loads((folder / version / "model.plan.json").read_text(encoding="utf-8"))
    except OSError:
        return Row(exam.model, exam.batch, name, note=note)
    latency = {int(rows): us for rows, us in record["latency_us"].items()}
    size = (folder / version / "model.plan").stat().st_size
    return Row(exam.model, exam.batch, f"{name} {record['tensorrt']}, {record['gpu']}", latency, size)
