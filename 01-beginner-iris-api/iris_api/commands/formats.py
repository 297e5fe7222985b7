"""``make formats-1`` writes the same rows as JSON, protobuf and Arrow, and compares sizes and times."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from iris_api.commands.codecs import CODECS, Codec
from iris_api.settings import IrisSettings
from iris_api.training.golden import read_golden
from servekit.json_file import write_json
from workbench.hardware import hardware_stamp
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Measurement", "main", "measure"]

_SIZES = (1, 100, 10_000)


class Measurement(msgspec.Struct, frozen=True):
    """A batch in a format: its size in bytes, and microseconds to encode and to decode it."""

    rows: int
    format: str
    bytes: int
    encode_us: float
    decode_us: float


def main() -> int:
    """Prints the table and writes it as JSON; each figure is measured for ``FORMATS_SECONDS``."""
    enough_ns = int(float(os.environ.get("FORMATS_SECONDS", "0.2")) * 1e9)
    features = read_golden(IrisSettings().model_dir).features
    batches = [np.resize(features, (size, features.shape[1])) for size in _SIZES]
    results = [measure(name, codec, rows, enough_ns) for rows in batches for name, codec in CODECS.items()]
    _print(results)
    report = {"command": "make formats-1", "hardware": hardware_stamp(), "rows": results}
    write_json(Path(".run/bench/formats-1.json"), report)
    return 0


def measure(name: str, codec: Codec, rows: NDArray[np.float64], enough_ns: int) -> Measurement:
    """The size and the times of one format, once it has given the rows back unchanged.

    A time is the fastest of as many repeats as fit in ``enough_ns``: noise can only slow a run down.
    """
    encode, decode = codec
    data = encode(rows)
    if not np.array_equal(decode(data), rows.astype(np.float32)):
        raise SystemExit(f"{name}: does not give back the rows it was given")
    encode_us = _fastest_us(lambda: encode(rows), enough_ns)
    return Measurement(len(rows), name, len(data), encode_us, _fastest_us(lambda: decode(data), enough_ns))


def _print(results: list[Measurement]) -> None:
    console = make_console()
    table = make_table(
        console, "rows", "format", "bytes", "bytes/row", "encode µs", "decode µs", numbers=(0, 2, 3, 4, 5)
    )
    for each in results:
        size = f"{each.bytes:,}", f"{each.bytes / each.rows:,.1f}"
        last = each.format == list(CODECS)[-1]
        times = f"{each.encode_us:,.1f}", f"{each.decode_us:,.1f}"
        table.add_row(f"{each.rows:,}", each.format, *size, *times, end_section=last)
    console.print(table)


def _fastest_us(action: Callable[[], object], enough_ns: int) -> float:
    best, spent = float("inf"), 0
    while spent < enough_ns:
        started = perf_counter_ns()
        action()
        took = perf_counter_ns() - started
        best, spent = min(best, took), spent + took
    return best / 1e3


if __name__ == "__main__":
    sys.exit(main())
