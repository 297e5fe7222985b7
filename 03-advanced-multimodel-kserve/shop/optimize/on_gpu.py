"""What ONNX Runtime answers on a GPU, and how fast.

``cuda`` runs it in ``.venvs/gpu``, whose ONNX Runtime is another one than this level's::

    python -m shop.optimize.on_gpu FOLDER [PROVIDER]

FOLDER has ``model.onnx`` and ``rows.npy``; ``latency_us.json`` and ``answers.npz`` are written beside them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from shop.optimize.latency import measure_in_turn, run_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["BATCHES", "CUDA", "main"]

CUDA = "CUDAExecutionProvider"
BATCHES = (1, 16, 100)
"""Rows of a request."""

_CHUNK = 1024


class _ProviderError(Exception):
    """ONNX Runtime cannot use the provider here."""


def main(argv: Sequence[str]) -> int:
    """Measures the model in a folder; 0, or 1 with one line that says why the provider cannot be used here."""
    folder, provider = Path(argv[0]), (*argv[1:], CUDA)[0]
    try:
        model = _session(folder / "model.onnx", provider)
    except _ProviderError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    rows = np.load(folder / "rows.npy", allow_pickle=False)
    chunks = [run_of(model, rows[start : start + _CHUNK])() for start in range(0, len(rows), _CHUNK)]
    np.savez(folder / "answers.npz", *(np.concatenate(parts) for parts in zip(*chunks, strict=True)))
    latencies = measure_in_turn({str(batch): run_of(model, _batch(rows, batch)) for batch in BATCHES})
    (folder / "latency_us.json").write_text(json.dumps(latencies), encoding="utf-8")
    return 0


def _session(path: Path, provider: str) -> ort.InferenceSession:
    """The model on a provider; without it, ONNX Runtime would take the CPU and only warn."""
    if provider not in ort.get_available_providers():
        raise _ProviderError(f"{provider}: ONNX Runtime {ort.__version__} was built without it")
    if provider == CUDA:
        ort.preload_dlls()  # from the packages beside it, not from the machine
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    model = ort.InferenceSession(path, options, providers=[provider])
    if model.get_providers()[0] != provider:
        raise _ProviderError(f"{provider}: ONNX Runtime {ort.__version__} cannot load it; is the driver new enough?")
    return model


def _batch(rows: NDArray[Any], batch: int) -> NDArray[Any]:
    return np.ascontiguousarray(np.resize(rows, (batch, rows.shape[1])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
