"""What exercise 2 must do. Time is simulated: who sleeps is woken at once, and the clock says that it took so long."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

from course.exercises import CheckFailedError, expect, expect_equal, load

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

TRIP_S = 0.0002
WAIT_S = 0.012
COMPUTING_S = 0.005
SLACK_S = 0.004
LOCK_S = 0.2
PATIENCE_S = 30


class _Skipping(selectors.SelectSelector):
    """Never waits: the clock is put forward instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if timeout is None and not found:
            raise CheckFailedError("everybody waits for what will never come: expected an end after 12 ms")
        self.now += 0 if found else timeout or 0
        if self.now > PATIENCE_S:
            raise CheckFailedError(f"somebody still waits after {PATIENCE_S} s: expected an end after 12 ms")
        return found


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while everybody sleeps."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Seconds since the loop began."""
        return self._skipping.now


class Shared:
    """The store; `then` happens once, after the first look at an answer."""

    def __init__(self, then: dict[str, str] | None = None) -> None:
        self.kept: dict[str, tuple[str, float]] = {}
        self._then = then or {}

    async def get(self, key: str) -> str | None:
        """The value of a key, ``None`` where there is none."""
        await asyncio.sleep(TRIP_S)
        found = self._alive(key)
        if self._then:
            self.kept |= {name: (value, 1e9) for name, value in self._then.items()}
            self._then = {}
        return found

    async def put(self, key: str, value: str) -> None:
        """Stores a value for good."""
        await asyncio.sleep(TRIP_S)
        self.kept[key] = (value, 1e9)

    async def put_if_absent(self, key: str, value: str, lasts_s: float) -> bool:
        """Keep it unless something is there."""
        await asyncio.sleep(TRIP_S)
        if self._alive(key) is not None:
            return False
        self.kept[key] = (value, asyncio.get_running_loop().time() + lasts_s)
        return True

    async def delete(self, key: str) -> None:
        """Deletes the key, if it is there."""
        await asyncio.sleep(TRIP_S)
        self.kept.pop(key, None)

    def _alive(self, key: str) -> str | None:
        value, until = self.kept.get(key, ("", -1.0))
        return value if until > asyncio.get_running_loop().time() else None


class Model:
    """Computes an answer, and counts how often; `fails` times it raises instead."""

    def __init__(self, fails: int = 0) -> None:
        self.calls = 0
        self._fails = fails

    async def __call__(self) -> str:
        """Computes one answer and counts the call."""
        self.calls += 1
        number = self.calls
        await asyncio.sleep(COMPUTING_S)
        if number <= self._fails:
            raise ConnectionError("the model is away")
        return f"answer {number}"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(scenario)


def now() -> float:
    return asyncio.get_running_loop().time()


def check_what_is_there_is_not_computed(answer: Path) -> None:
    async def scenario() -> None:
        store, model = Shared(), Model()
        await store.put("k", "kept")
        expect_equal("the answer", await load(answer).answer(store, "k", model), "kept")
        expect_equal("how often the model was asked", model.calls, 0)

    run(scenario())


def check_of_a_hundred_one_computes(answer: Path) -> None:
    async def scenario() -> None:
        store, model, ask = Shared(), Model(), load(answer).answer
        found = await asyncio.gather(*(ask(store, "k", model) for _ in range(100)))
        expect_equal("how often the model was asked", model.calls, 1)
        expect_equal("the answers of all", set(found), {"answer 1"})
        expect(
            now() < COMPUTING_S + SLACK_S,
            f"all are answered after {now() * 1e3:.1f} ms: expected 2 ms after the one at most",
        )
        expect_equal("what the store has afterwards", sorted(store.kept), ["k"])
        await ask(store, "another key", model)
        expect_equal("how often it was asked once another key was wanted", model.calls, 2)

    run(scenario())


def check_who_wins_the_lock_looks_again(answer: Path) -> None:
    async def scenario() -> None:
        store, model = Shared(then={"k": "just finished"}), Model()
        expect_equal("the answer", await load(answer).answer(store, "k", model), "just finished")
        expect_equal("how often the model was asked", model.calls, 0)
        expect("lock:k" not in store.kept, "the lock is still there: expected it to be deleted")

    run(scenario())


def check_a_failure_frees_the_lock_and_comes_out(answer: Path) -> None:
    async def scenario() -> None:
        store, model, ask = Shared(), Model(fails=1), load(answer).answer
        first = (await asyncio.gather(ask(store, "k", model), return_exceptions=True))[0]
        expect(isinstance(first, ConnectionError), f"the failure became {first!r}: expected it to be raised")
        expect("lock:k" not in store.kept, "the lock is still there after a failure: expected it to be deleted")
        began = now()
        expect_equal("the next answer", await ask(store, "k", model), "answer 2")
        expect(now() - began < COMPUTING_S + 10 * TRIP_S, "the next one waited: expected it to compute at once")

    run(scenario())


def check_a_cancelled_owner_frees_the_lock(answer: Path) -> None:
    async def scenario() -> None:
        store, model, ask = Shared(), Model(), load(answer).answer
        owner = asyncio.ensure_future(ask(store, "k", model))
        await asyncio.sleep(COMPUTING_S / 2)
        owner.cancel()
        await asyncio.wait([owner])
        expect(owner.cancelled(), "cancelled while it computed it went on: expected it to be cancelled")
        expect("lock:k" not in store.kept, "the lock of a cancelled task is still there: expected it to be deleted")

    run(scenario())


def check_those_who_wait_outlive_a_failure(answer: Path) -> None:
    async def scenario() -> None:
        store, model, ask = Shared(), Model(fails=1), load(answer).answer
        found = await asyncio.gather(*(ask(store, "k", model) for _ in range(10)), return_exceptions=True)
        failed = [each for each in found if isinstance(each, BaseException)]
        expect_equal("how many of ten failed with the one who computed", len(failed), 1)

    run(scenario())


def check_a_dead_owner_holds_nobody_up(answer: Path) -> None:
    async def scenario() -> None:
        store, model, ask = Shared(), Model(), load(answer).answer
        await store.put_if_absent("lock:k", "of a process that was killed", 3600)
        began = now()
        found = await asyncio.gather(*(ask(store, "k", model) for _ in range(10)))
        waited_ms = (now() - began - COMPUTING_S) * 1e3
        expect(all(each.startswith("answer") for each in found), f"the answers {found}: expected each to have one")
        expect(waited_ms < (WAIT_S + SLACK_S) * 1e3, f"all waited {waited_ms:.1f} ms before they computed: expected 12")
        expect(waited_ms >= WAIT_S * 1e3, f"they waited {waited_ms:.1f} ms before they computed: expected 12")
        expect("lock:k" in store.kept, "a lock that was another's is gone: expected it to stay")

    run(scenario())


def check_a_lock_does_not_last_for_ever(answer: Path) -> None:
    async def scenario() -> None:
        store, ask = Shared(), load(answer).answer
        owner = asyncio.ensure_future(ask(store, "k", lambda: asyncio.sleep(3600, "late")))
        await asyncio.sleep(COMPUTING_S)
        _, until = store.kept.get("lock:k", ("", 0.0))
        expect(
            0 < until <= LOCK_S + SLACK_S,
            f"the lock lasts until {until:g} s: expected 0.2 s, in case its owner is killed",
        )
        owner.cancel()
        await asyncio.wait([owner])

    run(scenario())
