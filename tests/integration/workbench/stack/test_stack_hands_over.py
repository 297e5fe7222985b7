"""A running stack becomes another one: what is new starts first, and what is gone stops last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.workbench.stack.toy_level import RUN_DIR, get, serving
from workbench.stack import Stack, StackError, hand_over
from workbench.stack.inspection import is_taken
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., int]


def test_the_new_processes_are_ready_before_the_switch_and_the_old_ones_stop_after_it(
    run: Run, server: str, ports: tuple[int, int, int]
) -> None:
    gateway = serving("gateway", server, ports[0])
    old = Stack(7, [serving("step", server, ports[1]), gateway], RUN_DIR, entrypoint="gateway")
    new = Stack(7, [serving("step-b", server, ports[2]), gateway], RUN_DIR, entrypoint="gateway")
    assert run(old, "up") == 0
    kept = get(ports[0])["pid"]
    answered: list[int] = []

    hand_over(old, new, lambda: answered.extend(get(port)["pid"] for port in ports), make_console())

    assert len(set(answered)) == 3
    assert not is_taken(ports[1])
    assert (get(ports[0])["pid"], get(ports[2])["pid"]) == (kept, answered[2])
    assert run(new, "status") == 0
    assert run(new, "up") == 0
    assert get(ports[0])["pid"] == kept, "its configuration is that of the stack that it became"


def test_a_switch_that_fails_and_a_process_that_does_not_start_leave_the_old_stack(
    run: Run, server: str, ports: tuple[int, int, int]
) -> None:
    gateway = serving("gateway", server, ports[0])
    old = Stack(7, [serving("step", server, ports[1]), gateway], RUN_DIR)
    new = Stack(7, [serving("step-b", server, ports[2]), gateway], RUN_DIR)
    deaf = Stack(7, [serving("step-b", server, ports[2], "deaf"), gateway], RUN_DIR, ready_timeout_s=0.5)
    assert run(old, "up") == 0
    pids = get(ports[0])["pid"], get(ports[1])["pid"]

    def fails() -> None:
        raise StackError("the switch failed")

    with pytest.raises(StackError, match="the switch failed"):
        hand_over(old, new, fails, make_console())
    with pytest.raises(StackError, match=r"step-b: not ready after 0\.5 s"):
        hand_over(old, deaf, fails, make_console())
    assert not is_taken(ports[2])
    assert (get(ports[0])["pid"], get(ports[1])["pid"]) == pids
    assert run(old, "up") == 0
    with pytest.raises(StackError, match="its configuration changed: `make up-7` starts it anew"):
        hand_over(new, old, fails, make_console())
