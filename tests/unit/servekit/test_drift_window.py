from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from servekit.drift.window import SlidingWindow

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def rows(first: int, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    numbers = np.arange(first, first + count, dtype=np.float32)[:, None]
    return np.hstack([numbers, numbers]), -numbers


@pytest.mark.parametrize("sizes", [[1] * 25, [3] * 9, [10, 10], [7, 1, 12, 25, 4], [25], [5, 0, 5]])
def test_the_window_holds_exactly_the_last_rows_however_they_arrive(sizes: list[int]) -> None:
    window = SlidingWindow(10, 2, 1)
    total = 0
    for size in sizes:
        window.append(*rows(total, size))
        total += size
    (held,), count = window.snapshot()
    assert count == total
    assert np.array_equal(held[:, 0], np.arange(max(0, total - 10), total))
    assert np.array_equal(held[:, 0], -held[:, 2])


def test_memory_stays_what_it_was_allocated() -> None:
    window = SlidingWindow(100, 2, 1)
    before = window._ring.nbytes, window._ring.ctypes.data
    for _ in range(50):
        window.append(*rows(0, 1000))
    assert (window._ring.nbytes, window._ring.ctypes.data) == before == (1200, before[1])


def test_the_callers_arrays_are_copied() -> None:
    window = SlidingWindow(10, 2, 1)
    features, scores = rows(5, 1)
    window.append(features, scores)
    features[:] = 99
    assert window.snapshot()[0][0].tolist() == [[5, 5, -5]]


WORKER = """
import sys, numpy as np, pathlib
from servekit.drift.window import SlidingWindow
window = SlidingWindow(10, 2, 1, pathlib.Path(sys.argv[1]), "drift-m-1")
window.append(np.full((4, 2), 7, np.float32), np.full((4, 1), 7, np.float32))
print("ready", flush=True)
sys.stdin.read()
"""


def test_workers_share_a_directory_and_a_dead_ones_rows_are_forgotten(tmp_path: Path) -> None:
    window = SlidingWindow(10, 2, 1, tmp_path, "drift-m-1")
    window.append(*rows(0, 3))
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        held, total = window.snapshot()
        assert ([each[:, 0].tolist() for each in held], total) == ([[0, 1, 2], [7, 7, 7, 7]], 7)
        worker.communicate()
    held, total = window.snapshot()
    assert ([len(each) for each in held], total) == ([3], 3)
    assert [path.name for path in tmp_path.iterdir()] == [f"drift-m-1.{os.getpid()}.ring"]


def test_a_ring_of_another_shape_is_left_out(tmp_path: Path) -> None:
    window = SlidingWindow(10, 2, 1, tmp_path, "drift-m-1")
    window.append(*rows(0, 3))
    (tmp_path / f"drift-m-1.{os.getppid()}.ring").write_bytes(b"short")
    (tmp_path / "drift-m-1.1.ring").write_bytes(b"")
    assert [len(each) for each in window.snapshot()[0]] == [3, 0, 0]
