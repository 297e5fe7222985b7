"""Whom the running pipeline listens to: this machine, and no page in one of its browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.listeners import beyond_loopback, listeners
from workbench.stack.inspection import members

if TYPE_CHECKING:
    from tests.integration.recommender.pipeline.conftest import Running

STEPS = ("preprocessor", "model", "model-2", "postprocessor")


def test_every_process_listens_on_this_machine_alone_and_on_its_own_ports(level: Running) -> None:
    found = listeners(members((level.folder / ".run" / "2").resolve()))
    assert beyond_loopback(found) == set()
    steps = {level.ports[name] + offset for name in STEPS for offset in range(3)}
    assert {each.port for each in found} == {level.ports["router"], level.ports["valkey"]} | steps


def test_no_process_has_a_secret_that_it_was_not_given(level: Running) -> None:
    """supervisord has what it was started with, and hands on what is listed."""
    home = (level.folder / ".run" / "2").resolve()
    having = [process for process in members(home) if "PLANTED_TOKEN" in process.environ()]
    assert ["supervisord" in " ".join(process.cmdline()) for process in having] == [True]
    assert len(members(home)) > len(STEPS)


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"host": "evil.example"}])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_refuses_web_pages_and_allows_no_origin(level: Running, name: str, headers: dict[str, str]) -> None:
    for path, offset in {"/predict": 0, "/send-feedback": 0, "/health/status": 0, "/metrics": 2}.items():
        url = f"http://127.0.0.1:{level.ports[name] + offset}{path}"
        requests: list[dict[str, Any]] = [{"method": "GET"}, {"method": "OPTIONS"}]
        if path != "/metrics":
            requests.append({"method": "POST", "data": {"json": "{}"}})  # a form's: no browser asks before it
        for request in requests:
            answer = httpx.request(url=url, headers=headers, **request)
            assert answer.status_code == 403, (path, request, answer.text)
            assert not [each for each in answer.headers if each.startswith("access-control-")]


def test_a_caller_that_is_no_page_is_answered_without_cors_headers(level: Running) -> None:
    for host in ("127.0.0.1", "localhost"):
        answer = httpx.get(f"http://{host}:{level.ports['model']}/health/status")
        assert answer.status_code == 200
        assert not [each for each in answer.headers if each.startswith("access-control-")]
