"""``python -m assistant.engine SOCKET``: holds the model and runs it until SIGTERM."""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from assistant.domain.wire import Generate, Hello, Turn
from assistant.engine.server import EngineServer
from assistant.engine.settings import BLOCK_TOKENS, EngineSettings
from assistant.weights import WeightsError, digest, find_weights
from servekit.startup import setting_problems
from servekit.telemetry import configure_logging

if TYPE_CHECKING:
    from assistant.engine.server import Steps

_log = logging.getLogger("assistant.engine")
_PAGE = resource.getpagesize()


def main() -> int:
    """Runs until told to stop: 0 after a clean stop, 1 with a one-line reason."""
    try:
        settings, path = EngineSettings(), Path(sys.argv[1])
        weights = find_weights(settings.model)
    except WeightsError as error:
        sys.stderr.write(f"engine cannot start: {error}\n")
        return 1
    except ValidationError as error:
        for problem in setting_problems(error, EngineSettings):
            sys.stderr.write(f"engine cannot start: {problem}\n")
        return 1
    configure_logging("assistant-engine")
    began = time.monotonic()
    try:
        batch = _batch(weights, settings)
    except Exception as error:  # noqa: BLE001 - the library raises whatever it met in the file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        sys.stderr.write(f"engine cannot start: {weights}: {reason}: expected a GGUF file of a Llama or Qwen\n")
        return 1
    hello = Hello(
        _version(settings.engine),
        digest(weights),
        min(settings.context, settings.kv_tokens),
        settings.kv_tokens,
        BLOCK_TOKENS if settings.engine == "openvino" else 1,
    )
    with _listener(path) as listener:
        server = EngineServer(batch, listener, hello, _measure, settings.stuck_s)
        signal.signal(signal.SIGTERM, lambda *_: setattr(server, "stopping", True))
        _log.info("%s loaded in %.1f s, weights %.12s", weights.name, time.monotonic() - began, hello.sha256)
        server.run()
    path.unlink(missing_ok=True)
    return 0


def _batch(weights: Path, settings: EngineSettings) -> Steps:
    """The model, warm: its first steps compile code, which no caller is to wait for."""
    batch: Steps
    if settings.engine == "openvino":
        from assistant.engine.batch import Batch  # noqa: PLC0415 - takes a second, and a wrong setting is said without

        batch = Batch(weights, settings)
    else:
        from assistant.engine.llama_slots import Slots  # noqa: PLC0415 - as above

        batch = Slots(weights, settings)
    for words in (1, settings.step_tokens):
        batch.add(0, Generate(0, [Turn("user", "hello " * words)], 4))
        while batch.busy:
            batch.step()
    return batch


def _listener(path: Path) -> socket.socket:
    """Only this user may connect: the socket has no other lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(16)
    return listener


def _version(engine: str) -> str:
    package = {"openvino": "openvino-genai", "llamacpp": "xllamacpp"}[engine]
    return f"{package} {version(package)}"


def _measure() -> tuple[float, int]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return used.ru_utime + used.ru_stime, pages * _PAGE


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # llama.cpp's threads cannot be ended in an orderly way
