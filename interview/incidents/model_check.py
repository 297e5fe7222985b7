"""A comparison of models on the machine that serves: three engines (llama.cpp) with 32 threads for each core.

The fault of ``slow-words`` starts it. It goes on in the assistant's environment, and asks one long question after the
other. It ends on SIGTERM, or when its standard input ends, and the other two engines with it.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["main"]

_PYTHON = Path(__file__).parents[2] / ".venvs/assistant/bin/python"
_ENGINES = 3
_THREADS_A_CORE, _MOST_THREADS = 32, 512
_SEQUENCES, _MOST_TOKENS = 4, 64
_QUESTION = "Compare the items of the shop, one by one, and say of each what you think of it. " * 12


def main() -> None:
    """Answers its own questions until it is over; what it finds, nobody looks at."""
    if find_spec("xllamacpp") is None:
        os.execv(_PYTHON, [str(_PYTHON), *sys.argv])  # noqa: S606 - the same script, under the other Python
    first = os.getpid()
    if any(os.fork() == 0 for _ in range(_ENGINES - 1)):
        os.setsid()  # Linux shares the cores between sessions first, as it does between containers
    from assistant.domain.wire import Generate, Turn  # noqa: PLC0415 - the other environment has neither
    from assistant.engine.llama_slots import Slots  # noqa: PLC0415
    from assistant.engine.settings import EngineSettings  # noqa: PLC0415
    from assistant.weights import find_weights  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # llama.cpp's threads cannot be ended in an orderly way
    settings = EngineSettings(engine="llamacpp", sequences=_SEQUENCES, prefix_cache=False)
    threads = min(_THREADS_A_CORE * (os.cpu_count() or 1), _MOST_THREADS)  # of which llama.cpp has room for no more
    settings = settings.model_copy(update={"threads": threads})  # more than they would allow
    slots, asked = Slots(find_weights(os.environ.get("ASSISTANT_MODEL", "")), settings), 0
    while not select.select([sys.stdin], [], [], 0)[0] and first in {os.getpid(), os.getppid()}:
        if not slots.busy:
            for _ in range(_SEQUENCES):
                asked += 1
                slots.add(asked, Generate(asked, [Turn("user", f"{asked}. {_QUESTION}")], _MOST_TOKENS))
        slots.step()
    os._exit(0)


if __name__ == "__main__":
    main()
