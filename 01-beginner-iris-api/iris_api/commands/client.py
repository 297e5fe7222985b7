"""``make client-1`` sends the 150 flowers over every protocol and checks each answer against scikit-learn's own."""

from __future__ import annotations

import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING

import grpc
import httpx
import numpy as np

from iris_api.adapters.artefact import ArtefactError
from iris_api.commands.calls import CALLS, OVER_HTTP, ApiClient
from iris_api.settings import IrisSettings
from iris_api.training.golden import Golden, read_golden
from servekit.loopback import DIRECT, client
from servekit.oip import rpc
from workbench.stack import elsewhere, host_of, join
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from iris_api.commands.calls import Labelled

__all__ = ["TOLERANCE", "main"]

TOLERANCE = 1e-5
"""ONNX computes in float32, scikit-learn in float64: equal probabilities agree to this."""


def main() -> int:
    """Prints a row for each protocol; returns 0 when all answers are right, 1 when one is wrong, 2 without answers.

    ``URL`` names an API elsewhere. It is asked over gRPC too where ``IRIS_GRPC_PORT`` says at which of its ports.
    """
    settings = IrisSettings()
    url, remedy = elsewhere(), "run make up-1, then make logs-1"
    calls = CALLS
    if url is not None:
        remedy = "is level 1 there?"
        calls = CALLS if "IRIS_GRPC_PORT" in os.environ else OVER_HTTP
    try:
        golden = read_golden(settings.model_dir)
    except ArtefactError as error:
        print(error, file=sys.stderr)
        return 2
    base_url = url or f"http://127.0.0.1:{settings.port}"
    address = f"{host_of(base_url)}:{settings.grpc_port}"
    with (
        client(base_url=base_url, timeout=10) as http,
        grpc.insecure_channel(address, [*DIRECT, *rpc.UNLIMITED]) as channel,
    ):
        api = ApiClient(http, channel)
        try:
            http.get("/readyz").raise_for_status()
            rows = [_check(name, call, api, golden) for name, call in calls.items()]
        except (httpx.HTTPError, grpc.RpcError) as error:
            reason = error.details() if isinstance(error, grpc.Call) else str(error)
            say(f"{base_url}: {reason}: {remedy}", stderr=True)
            return 2
    _print(rows)
    if calls is OVER_HTTP:
        print("not asked over gRPC: IRIS_GRPC_PORT=… says at which port")
    wrong = sum(row[2] for row in rows)
    print(f"every answer agrees with scikit-learn to {TOLERANCE:g}" if not wrong else f"{wrong} answers are wrong")
    return 1 if wrong else 0


def _check(
    name: str, call: Callable[[ApiClient, np.ndarray], Labelled], api: ApiClient, golden: Golden
) -> tuple[str, int, int, float]:
    started = perf_counter()
    labels, probabilities = call(api, golden.features)
    elapsed_ms = (perf_counter() - started) * 1e3
    right = (labels == golden.labels) & np.isclose(probabilities, golden.probabilities, rtol=0, atol=TOLERANCE).all(1)
    return name, len(labels), int((~right).sum()), elapsed_ms


def _print(rows: list[tuple[str, int, int, float]]) -> None:
    console = make_console()
    table = make_table(console, "protocol", "flowers", "wrong", "ms", numbers=1)
    for name, flowers, wrong, elapsed_ms in rows:
        table.add_row(name, str(flowers), str(wrong), f"{elapsed_ms:.1f}", style="red" if wrong else None)
    console.print(table)


if __name__ == "__main__":
    join(1, lambda: IrisSettings().port, anywhere=True)
    sys.exit(main())
