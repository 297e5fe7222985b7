"""The engine killed, stopped and started again, while somebody listens."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from servekit.http_ask import ask
from tests.integration.assistant.conftest import PYTHON, is_ready
from tests.integration.assistant.streams import WORDS, post, read_until, stream
from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.assistant.conftest import Running

pytestmark = pytest.mark.slow

SETTINGS = {"ASSISTANT_STALL_S": "10"}
"""An engine that hangs is given up after as long as by default."""


def test_an_engine_that_hangs_ends_the_stream_with_an_error_and_goes_on_afterwards(running: Running) -> None:
    with stream(running) as connection:
        read_until(connection, WORDS)
        os.kill(running.pids["engine"], signal.SIGSTOP)
        try:
            assert b"engine_failed" in read_until(connection, b'"error"')
        finally:
            os.kill(running.pids["engine"], signal.SIGCONT)
    assert post(running, max_tokens=4)[0] == 200


def test_an_engine_that_is_killed_ends_the_stream_with_an_error_and_the_next_is_refused(running: Running) -> None:
    with stream(running) as connection:
        read_until(connection, WORDS)
        os.kill(running.pids["engine"], signal.SIGKILL)
        assert b"engine_unavailable" in read_until(connection, b'"error"')
    assert post(running)[0] == 503
    assert not is_ready(running.url)
    assert ask(f"{running.url}/healthz", GENEROUS_S).status == 200
    engine = subprocess.Popen(
        [str(PYTHON), "-m", "assistant.engine", str(running.run_dir / "assistant/engine.sock")],
        env=os.environ | {"ASSISTANT_THREADS": "1"},
    )
    try:
        until(lambda: is_ready(running.url), "ready again")
        assert post(running, max_tokens=4)[0] == 200
    finally:
        engine.kill()
        engine.wait()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"none", "which begins with GGUF"), (b"GGUF" + bytes(64), "expected a GGUF file of")],
    ids=["no GGUF", "damaged"],
)
def test_weights_that_are_none_stop_the_engine_with_a_sentence(
    tmp_path: Path, weights: Path, content: bytes, said: str
) -> None:
    assert weights.exists()
    (tmp_path / "model.gguf").write_bytes(content)
    done = subprocess.run(
        [str(PYTHON), "-m", "assistant.engine", str(tmp_path / "socket")],
        env=os.environ | {"ASSISTANT_MODEL": str(tmp_path / "model.gguf")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
