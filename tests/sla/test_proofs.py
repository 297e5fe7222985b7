"""The harness measures right: three servers whose true answer is known beforehand."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from workbench.sla import load_sla
from workbench.sla.load import Window
from workbench.sla.run import attempt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.sla.result import Result
    from workbench.sla.samples import Samples

    StartServer = Callable[..., str]
    WriteSla = Callable[..., Path]

STALL_S, EVERY_S = 0.2, 1.0
# An arrival u seconds into a stall of S waits S - u. Arrivals are uniform in time, so P(latency > x) = (S - x) / T,
# and the p99 is where that is 1 %: S - 0.01 T.
ANALYTIC_P99_MS = (STALL_S - 0.01 * EVERY_S) * 1e3


class Silent:
    def update(self, window: Window, samples: Samples) -> None:
        pass


def run(path: Path, tmp_path: Path) -> Result:
    sla = load_sla(path)
    result, _ = attempt(path, sla, Window(sla.rate_rps, sla.warmup_s, sla.duration_s), tmp_path, Silent())
    return result


@pytest.mark.alone  # a busy machine has stalls of its own; the other proofs only get surer for them
def test_the_tail_of_a_stalling_server_is_reported_and_a_closed_loop_test_misses_it(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path
) -> None:
    url = tiny_server("--stall-s", str(STALL_S), "--every-s", str(EVERY_S))
    path = sla_file(url, rate=300, duration=3, warmup=0.5)
    for _ in range(2):  # a shared machine may itself stall for a moment, once
        result = run(path, tmp_path)
        if abs(result.p99_ms / ANALYTIC_P99_MS - 1) < 0.1:
            break
    assert abs(result.p99_ms / ANALYTIC_P99_MS - 1) < 0.1, result.p99_ms
    assert abs(result.closed_loop.p99_ms / ANALYTIC_P99_MS - 1) > 0.1
    assert result.closed_loop.omitted > 0.05


@pytest.mark.alone  # likewise
def test_the_closed_loop_figure_is_what_a_real_closed_loop_client_sees(tiny_server: StartServer) -> None:
    url = tiny_server("--stall-s", str(STALL_S), "--every-s", str(EVERY_S))
    p99_ms = asyncio.run(_one_user(int(url.rpartition(":")[2]), seconds=1.5))
    assert p99_ms < 0.5 * ANALYTIC_P99_MS


@pytest.mark.slow
def test_a_server_that_answers_a_constant_fails_correctness(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path
) -> None:
    path = sla_file(tiny_server("--answer", "small"))
    path.write_text(path.read_text() + "check_ratio = 0.5\n")
    result = run(path, tmp_path)
    assert (result.verdict, result.exit_code) == ("broken", 1)
    assert result.correctness.wrong > 0
    assert result.correctness.examples[0] == "large: answer b'small': expected b'large'"
    assert [reason for reason in result.reasons if reason.startswith("correct_ratio 0.")]


@pytest.mark.slow
def test_a_saturated_generator_makes_the_run_invalid_although_no_limit_is_broken(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path
) -> None:
    path = sla_file(tiny_server(), rate=300, scenario="Slow")
    path.write_text(path.read_text() + "lag_p99_ms = 100\n")
    result = run(path, tmp_path)
    assert (result.verdict, result.exit_code) == ("invalid", 2)
    assert result.generator_saturated
    assert "the generator was saturated, so this says nothing about the server" in result.reasons[0]


async def _one_user(port: int, seconds: float) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies = []
    end = time.monotonic() + seconds
    while (start := time.monotonic()) < end:
        writer.write(b"POST /echo HTTP/1.1\r\nhost: tiny\r\ncontent-length: 2\r\n\r\nhi")
        await reader.readuntil(b"hi")
        latencies.append(time.monotonic() - start)
    writer.close()
    await writer.wait_closed()
    return float(np.percentile(latencies, 99)) * 1e3
