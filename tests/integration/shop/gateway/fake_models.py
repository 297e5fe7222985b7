"""A model server for planted failures: it speaks as much of the protocol as the gateway uses, and does as it is told.

Ranking says the sum of a row, fraud the first column, personalisation the same hundred items for everybody (a shard
those of its own). Version 2
says the same and a thousand more, so that an answer shows which version gave it.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.patience import GENEROUS_S
from tests.tcp_server import port_of, tcp_server

_PATH = re.compile(r"/v2/models/([\w-]+)(?:/versions/(\d+))?(/infer|/ready)?")
WIDTHS = {"ranking": 128, "fraud": 64, "personalisation": 64}
INPUTS = {"ranking": "features", "fraud": "features", "personalisation": "user"}
OUTPUTS = {
    "ranking": [("scores", "FP32", [-1])],
    "fraud": [("probability", "FP32", [-1])],
    "personalisation": [("items", "INT32", [-1, 100]), ("scores", "FP32", [-1, 100])],
}
TOP = np.arange(1000, 1100, dtype=np.int32)


@dataclass
class Call:
    """One inference request as it arrived; ``version`` is empty where its path named none."""

    model: str
    version: str
    headers: dict[str, str]
    rows: np.ndarray[Any, Any]


@dataclass
class FakeModels:
    """The server; its fields are changed while it runs.

    Attributes:
        delay_s: before each answer; by version, too.
        status: of each answer, when not 200.
        nan: answers that are no numbers.
        claims: the version that its answers name, when not the one that answers.
        silent: health is said by the status alone.
        versions: that there are.
        unloaded: models that somebody took away.
        hosts: what requests that are for no model said in Host.
        calls: inference requests so far, warm-ups (rows of zeros) left out: any gateway may send one at any time.
    """

    port: int = 0
    delay_s: float = 0.0
    delay_of: dict[str, float] = field(default_factory=dict)
    status: int = 200
    nan: bool = False
    claims: str = ""
    silent: bool = False
    versions: tuple[str, ...] = ("1", "2")
    unloaded: tuple[str, ...] = ()
    hosts: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Listens; on the port of before when started again."""
        started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(GENEROUS_S)

    def stop(self) -> None:
        """Closes every connection, as a killed server does."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def count(self, model: str) -> int:
        """Calls of one model."""
        return sum(call.model == model for call in self.calls)

    def _run(self, started: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main(started))

    async def _main(self, started: threading.Event) -> None:
        self._stopped = asyncio.Event()
        async with tcp_server(self._serve, self.port) as server:
            self.port = port_of(server)
            started.set()
            await self._stopped.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.split("\r\n")[:-2]
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, kind, answer = await self._answer(first.split()[1], headers, body)
                lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(answer)}", *kind, *self.headers]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + answer)

    async def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[str], bytes]:
        match = _PATH.fullmatch(path)
        if match is None:
            self.hosts.append(headers["host"])
        if self.silent and path.endswith(("/live", "/ready")):
            return 200, [], b""
        if match is None:
            return (200, [], b'{"live":true}') if path.startswith("/v2") else (404, [], b"")
        model, version, verb = match.groups()
        base = model.split("-")[0]
        if base not in WIDTHS or model in self.unloaded or (version and version not in self.versions):
            return 400, [], json.dumps({"error": f"Request for unknown model: '{model}'"}).encode()
        if verb != "/infer":
            return 200, ["content-type: application/json"], json.dumps(self._metadata(model, base)).encode()
        return await self._infer(model, version or "", headers, body)

    def _metadata(self, model: str, base: str) -> dict[str, Any]:
        def tensor(name: str, datatype: str, shape: list[int]) -> dict[str, Any]:
            return {"name": name, "datatype": datatype, "shape": shape}

        inputs = [tensor(INPUTS[base], "FP32", [-1, WIDTHS[base]])]
        outputs = [tensor(*each) for each in OUTPUTS[base]]
        return {
            "name": model, "versions": list(self.versions), "platform": "fake", "inputs": inputs, "outputs": outputs,
        }  # fmt: skip

    async def _infer(
        self, model: str, version: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[str], bytes]:
        at = int(headers.get("inference-header-content-length", len(body)))
        wire = json.loads(body[:at])
        (given,) = wire["inputs"]
        raw = body[at:]
        rows = np.frombuffer(raw, "<f4") if raw else np.array(given["data"], "<f4")
        rows = rows.reshape(given["shape"])
        if rows.any():
            self.calls.append(Call(model, version, headers, rows))
        delay_s = self.delay_s + self.delay_of.get(version, 0.0)
        if delay_s:
            await asyncio.sleep(delay_s)
        if self.status != 200:
            return self.status, ["content-type: application/json"], b'{"error":"planted"}'
        binary = wire.get("parameters", {}).get("binary_data_output", False)
        binary = any(each.get("parameters", {}).get("binary_data", binary) for each in wire.get("outputs") or [{}])
        found = self._compute(model, version, rows)
        return self._written(model, self.claims or version or "1", found, binary=binary)

    def _compute(self, model: str, version: str, rows: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
        more = np.float32(1000 if version == "2" else 0)
        base, _, shard = model.partition("-")
        if base == "personalisation":
            scores = np.linspace(1, 0.01, len(TOP), dtype=np.float32) + more
            found = {
                "items": np.tile(TOP + 1000 * int(shard or 0), (len(rows), 1)),
                "scores": np.tile(scores, (len(rows), 1)),
            }
        elif base == "ranking":
            found = {"scores": rows.sum(axis=1, dtype=np.float32) + more}
        else:
            found = {"probability": rows[:, 0] + more}
        if self.nan:
            found = {**found, OUTPUTS[base][-1][0]: np.full_like(found[OUTPUTS[base][-1][0]], np.nan)}
        return found

    def _written(
        self, model: str, version: str, found: dict[str, np.ndarray[Any, Any]], *, binary: bool
    ) -> tuple[int, list[str], bytes]:
        datatypes = {np.dtype("i4"): "INT32", np.dtype("f4"): "FP32"}
        outputs: list[dict[str, Any]] = []
        for name, data in found.items():
            output = {"name": name, "datatype": datatypes[data.dtype], "shape": list(data.shape)}
            size = {"parameters": {"binary_data_size": data.nbytes}}
            outputs.append({**output, **(size if binary else {"data": data.ravel().tolist()})})
        head = json.dumps({"model_name": model, "model_version": version, "outputs": outputs}).encode()
        if not binary:
            return 200, ["content-type: application/json"], head
        kind = ["content-type: application/octet-stream", f"inference-header-content-length: {len(head)}"]
        return 200, kind, head + b"".join(data.tobytes() for data in found.values())
