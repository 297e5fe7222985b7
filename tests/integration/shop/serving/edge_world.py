"""A real Envoy between a test and gateways that say what reached them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx

from tests.patience import GENEROUS_S, until
from tests.ports import free_block

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Echo(BaseHTTPRequestHandler):
    """Answers what it was sent; waits first when the body says ``{"sleep": seconds}``."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together: else the kernel waits with the second for the first's receipt

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self._answer({"bytes": len(body), **(json.loads(body) if body.startswith(b"{") else {})})

    def _answer(self, asked: dict[str, Any]) -> None:
        time.sleep(asked.get("sleep", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        content = json.dumps({"by": self.server.server_port, "headers": headers, **asked}).encode()  # type: ignore[attr-defined]
        self.send_response(asked.get("status", 200))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int) -> None:
        self.open: set[Any] = set()
        super().__init__(("127.0.0.1", port), _Echo)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None: ...


class Gateway:
    """One gateway on its port: it can die, its connections with it, and come back."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.live()

    def live(self) -> None:
        self._server = _Server(self.port)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def die(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in self._server.open:
            with suppress(OSError):
                connection.shutdown(2)


class Edge:
    """A running Envoy, a client, and gateways of the test's, if those are what it is in front of."""

    def __init__(self, environment: dict[str, str], log: Path, gateways: list[Gateway]) -> None:
        self.environment = environment
        self.log = log
        self.gateways = gateways
        self.port, self.admin_port = (int(environment[f"SHOP_{name}"]) for name in ("PORT", "ENVOY_ADMIN_PORT"))
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=GENEROUS_S)
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "shop.serving.envoy"],
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=output,
            )
        until(self.ready, self.log.read_text)

    def ready(self) -> bool:
        """Whether all gateways are known to be well."""
        try:
            text = httpx.get(f"http://127.0.0.1:{self.admin_port}/clusters").text
        except httpx.HTTPError:
            return False
        well = [line for line in text.splitlines() if line.endswith("health_flags::healthy")]
        return sum(line.startswith("gateways::") for line in well) == int(self.environment.get("SHOP_GATEWAYS", "2"))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def close(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
        for gateway in self.gateways:
            gateway.die()

    def shift(self, model: str, weight: int) -> None:
        answer = httpx.post(f"http://127.0.0.1:{self.admin_port}/runtime_modify?canary.{model}={weight}")
        assert answer.text == "OK\n"

    def version(self, path: str, **headers: str) -> str | None:
        """The version that a gateway is told."""
        answer = self.client.post(path, json={}, headers=headers)
        assert answer.status_code == 200, answer.text
        told: str | None = answer.json()["headers"].get("x-model-version")
        return told


@contextmanager
def running_edge(folder: Path, **settings: str) -> Iterator[Edge]:
    """An edge, its admin, and two gateways, on ports in a row."""
    first = free_block(4)
    gateways = [Gateway(first + 2), Gateway(first + 3)]
    environment = {
        "SHOP_RUN_DIR": str(folder / "run"),
        "SHOP_PORT": str(first),
        "SHOP_ENVOY_ADMIN_PORT": str(first + 1),
        "SHOP_GATEWAY_PORT": str(first + 2),
        **settings,
    }
    edge = Edge(environment, folder / "envoy.log", gateways)
    try:
        yield edge
    finally:
        edge.close()
