"""The FP32 models on ONNX Runtime's CUDA provider, where this machine has a GPU; elsewhere there are no such rows.

Another ONNX Runtime than the servers' does that, from an environment of its own (``infra/requirements/gpu.in``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shop.optimize.on_gpu import CUDA
from shop.optimize.table import Row

if TYPE_CHECKING:
    from shop.optimize.exam import Exam

__all__ = ["cuda_rows"]

_PYTHON = Path(".venvs/gpu/bin/python")
_LEVEL = Path(__file__).resolve().parents[2]


def cuda_rows(exam: Exam, content: bytes, *, python: Path = _PYTHON, provider: str = CUDA) -> list[Row]:
    """A row with latency (copies to and from the GPU included) and quality, or with a note why CUDA cannot be used.

    There is none without a driver, or where the environment for GPUs was not made to its end.

    Args:
        exam: what the model is judged by.
        content: the graph.
        python: the interpreter of the environment for GPUs.
        provider: ONNX Runtime's name of what computes.
    """
    if shutil.which("nvidia-smi") is None or not (python.parents[1] / ".synced").exists():
        return []
    name = f"FP32 ONNX Runtime {provider.removesuffix('ExecutionProvider')}, {_gpu()}"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "model.onnx").write_bytes(content)
        np.save(folder / "rows.npy", exam.held_out)
        command = [str(python), "-m", "shop.optimize.on_gpu", place, provider]
        settings = {**os.environ, "PYTHONPATH": str(_LEVEL)}
        done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines()
            return [Row(exam.model, exam.batch, name, note=said[-1] if said else f"exit code {done.returncode}")]
        latencies = json.loads((folder / "latency_us.json").read_text(encoding="utf-8"))
        with np.load(folder / "answers.npz", allow_pickle=False) as answers:
            quality = exam.mark(list(answers.values())).quality
    return [Row(exam.model, exam.batch, name, {int(rows): us for rows, us in latencies.items()}, len(content), quality)]


def _gpu() -> str:
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    said = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    return (said.splitlines() or ["GPU"])[0].partition(",")[0].strip()
