"""What level 1 listens on, as the kernel has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from tests.listeners import beyond_loopback, listeners

if TYPE_CHECKING:
    from tests.iris_process import IrisServer


def test_the_api_listens_on_this_machine_alone_and_on_its_own_ports(iris_server: IrisServer) -> None:
    server = psutil.Process(iris_server.process.pid)
    found = listeners([server, *server.children(recursive=True)])
    assert beyond_loopback(found) == set()
    assert {each.port for each in found} == {iris_server.port, iris_server.grpc_port}
