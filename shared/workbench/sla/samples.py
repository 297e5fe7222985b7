"""Every request of a run, exactly as measured: 32 bytes each, appended to a file while the run goes on.

Percentiles come from the samples themselves, so nothing is rounded or bucketed (Locust's own percentiles are rounded to
two digits), and a run that is cut short has lost nothing.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RECORD", "Samples", "pack_sample", "percentiles_ms", "read_samples"]

Samples = npt.NDArray[np.void]
"""Structured array, one row per request; fields as in `RECORD`."""

RECORD: Final = np.dtype(
    [
        ("intended_s", "<f8"),  # offset from the start of the stream, warm-up included
        ("latency_s", "<f8"),  # from the intended start to the last byte, or to the failure
        ("lag_s", "<f8"),  # from the intended start until the generator began to send
        ("size", "<u4"),  # bytes of the answer's body
        ("kind", "<u2"),  # index into the mix
        ("outcome", "<u2"),  # 0 for 2xx, a Failure, or the HTTP status
    ]
)

pack_sample = struct.Struct("<dddIHH").pack
"""One request as `RECORD` bytes: intended_s, latency_s, lag_s, size, kind, outcome."""


def percentiles_ms(samples: Samples, percentiles: tuple[float, ...]) -> list[float]:
    """Exact percentiles of the latency in milliseconds, to the microsecond; zeros without samples."""
    if not len(samples):
        return [0.0] * len(percentiles)
    return [round(float(value) * 1e3, 3) for value in np.percentile(samples["latency_s"], percentiles)]


def read_samples(path: Path, offset: int = 0) -> Samples:
    """The whole samples written so far, from a byte offset on; none when the file does not exist yet."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        data = b""
    return np.frombuffer(data[: len(data) // RECORD.itemsize * RECORD.itemsize], dtype=RECORD)
