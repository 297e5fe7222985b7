from __future__ import annotations

import socket

import pytest
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from servekit.startup import StartupError, bound_socket, setting_problems

NAMES = ("TOY_HOST", "TOY_PORT")


class ToySettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TOY_")

    port: int = Field(1, ge=0)
    workers: int = Field(1, ge=1)


def test_a_bound_socket_does_not_listen_yet() -> None:
    with bound_socket("127.0.0.1", 0, NAMES) as bound, socket.socket() as client:
        assert client.connect_ex(bound.getsockname()) != 0
        bound.listen()
        client.connect(bound.getsockname())


def test_a_port_that_is_taken_is_named_with_the_variable_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupError) as refused:
            bound_socket("127.0.0.1", port, NAMES)
    assert str(refused.value) == f"127.0.0.1:{port}: Address already in use: free it, or set TOY_PORT"


def test_an_address_of_another_machine_is_named_with_both_variables() -> None:
    with pytest.raises(StartupError, match=r"^192\.0\.2\.1:0: .*: set TOY_HOST or TOY_PORT$"):
        bound_socket("192.0.2.1", 0, NAMES)


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="the platform cannot share a port")
def test_workers_share_a_port() -> None:
    with bound_socket("127.0.0.1", 0, NAMES, shared=True) as one:
        bound_socket("127.0.0.1", one.getsockname()[1], NAMES, shared=True).close()


def test_each_setting_that_cannot_be_used_is_named_by_its_variable() -> None:
    with pytest.raises(ValidationError) as refused:
        ToySettings(port="-1", workers="none")
    assert setting_problems(refused.value, ToySettings) == [
        "TOY_PORT -1: Input should be greater than or equal to 0",
        "TOY_WORKERS none: Input should be a valid integer, unable to parse string as an integer",
    ]
