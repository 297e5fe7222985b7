"""The models on OpenVINO, for comparison: the same ONNX files, one stream, one thread, float32 where not INT8.

Importing ``openvino`` reports to its makers over the network, unless the package that does so is not there. So it is
made not to be there.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["OpenVinoError", "compiled", "run_of"]

_ONE_THREAD = {
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": "1",
    "INFERENCE_NUM_THREADS": 1,
    "ENABLE_CPU_PINNING": False,  # the caller pins
    "INFERENCE_PRECISION_HINT": "f32",  # on CPUs with AMX it would take bfloat16 for float32, unasked
}


class OpenVinoError(Exception):
    """A graph that OpenVINO cannot read."""


def compiled(content: bytes) -> Any:
    """An inference request for the model.

    Raises:
        OpenVinoError: the graph has an operator that OpenVINO does not know.
    """
    core = _core()
    try:
        return core.compile_model(core.read_model(content), "CPU", _ONE_THREAD).create_infer_request()
    except RuntimeError as error:
        version = core.get_versions("CPU")["CPU"].build_number.partition("-")[0]
        raise OpenVinoError(f"OpenVINO {version}: {_reason(str(error))}") from None


@cache
def _core() -> Any:
    """One for the process, for good: each sets a stack for signals, and puts back what it found when it goes.

    The second of two would find the first's, and put it back when that is freed memory: the next signal that is handled
    there, as Go's runtime handles its own, would end the process.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # an import of it fails, and is expected to
    import openvino  # noqa: PLC0415 - only after its telemetry is gone

    return openvino.Core()


def _reason(text: str) -> str:
    """The line of a long report that says what is wrong."""
    lines = text.strip().splitlines()
    return next((line.removeprefix("-- ") for line in lines if line.startswith("-- ")), lines[-1])


def run_of(request: Any, rows: NDArray[Any]) -> Callable[[], Any]:
    """A function that runs the model once on these rows."""
    return lambda: request.infer([rows], share_inputs=True, share_outputs=True)
