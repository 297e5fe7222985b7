"""An import that sends half a million flowers in one call, four such calls at a time, and then the next ones.

The fault of ``heavy-parcels`` starts it. It ends on SIGTERM, or when its standard input ends.
"""

from __future__ import annotations

import select
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import numpy as np

from iris_api.adapters.arrow_stream import write_rows
from iris_api.domain.flower import MAX_STREAM_ROWS
from iris_api.settings import IrisSettings
from iris_api.training.golden import read_golden
from servekit.loopback import client
from workbench.stack import take_over

__all__ = ["main"]

_AT_ONCE = 4
_PAUSE_S = 0.1
_PATIENCE_S = 30.0
_ARROW = {"content-type": "application/vnd.apache.arrow.stream"}


def main() -> None:
    """Sends the same flowers until it is over; what becomes of them, nobody looks at."""
    take_over(1)
    settings = IrisSettings()
    flowers = read_golden(settings.model_dir).features
    body = write_rows(np.resize(flowers, (MAX_STREAM_ROWS, flowers.shape[1])).astype(np.float32))
    with client(base_url=f"http://127.0.0.1:{settings.port}", timeout=_PATIENCE_S) as http:

        def send(_: int) -> None:
            with suppress(httpx.HTTPError):  # the level is being started anew
                http.post("/v1/predict/arrow", content=body, headers=_ARROW)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while not select.select([sys.stdin], [], [], _PAUSE_S)[0]:
                list(pool.map(send, range(_AT_ONCE)))


if __name__ == "__main__":
    main()
