"""A body is read up to its limit, within its time, unpacked; who sends slowly keeps nobody out."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from servekit.errors import LateRequestError, MalformedError, MediaTypeError, ServingError, ShedError, TooLargeError
from servekit.http_body import BodyReader

if TYPE_CHECKING:
    from collections.abc import Callable

FOREVER_S = 3600


class Caller:
    """ASGI's receive: gives the chunks it was given, then waits for more unless the last is there."""

    def __init__(self, *chunks: bytes, ends: bool = True) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for number, chunk in enumerate(chunks, 1):
            self.send(chunk, last=ends and number == len(chunks))

    def send(self, chunk: bytes, *, last: bool) -> None:
        self.messages.put_nowait({"type": "http.request", "body": chunk, "more_body": not last})

    async def __call__(self) -> dict[str, Any]:
        return await self.messages.get()


def read(
    *chunks: bytes,
    limit: int = 100,
    timeout_s: float = FOREVER_S,
    ends: bool = True,
    headers: dict[str, str] | None = None,
) -> bytes:
    sent = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]

    async def main() -> bytes:
        return await BodyReader(limit, timeout_s).read(Caller(*chunks, ends=ends), sent)

    return asyncio.run(main())


def test_a_body_is_its_chunks_together() -> None:
    assert read(b"") == b""
    assert read(b"abc") == b"abc"
    assert read(b"a", b"", b"bc") == b"abc"


def test_a_request_may_have_a_limit_of_its_own() -> None:
    async def main() -> bytes:
        return await BodyReader(1, FOREVER_S).read(Caller(b"abc"), [], 3)

    assert asyncio.run(main()) == b"abc"


@pytest.mark.parametrize(
    ("chunks", "headers", "problem"),
    [
        ([b"x" * 101], {}, "body over 100 bytes: expected at most 100"),
        ([b"x" * 60, b"x" * 60], {}, "body over 100 bytes: expected at most 100"),
        ([], {"content-length": "101"}, "body 101 bytes: expected at most 100"),
        (
            [gzip.compress(bytes(1_000_000), mtime=0)[:90]],
            {"content-encoding": "gzip"},
            "body over 100 bytes unpacked: expected at most 100",
        ),
    ],
)
def test_a_body_over_the_limit_is_refused_as_soon_as_it_shows(
    chunks: list[bytes], headers: dict[str, str], problem: str
) -> None:
    with pytest.raises(TooLargeError) as caught:
        read(*chunks, ends=len(chunks) < 2, headers=headers)
    assert str(caught.value) == problem


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP ", "deflate", "identity", ""])
def test_what_is_packed_is_unpacked(encoding: str) -> None:
    pack = next((pack for name, pack in PACKED.items() if name in encoding.lower()), bytes)
    assert read(pack(b"abc" * 30), headers={"content-encoding": encoding}) == b"abc" * 30


PACKED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_another_encoding_is_named(encoding: str) -> None:
    with pytest.raises(MediaTypeError) as caught:
        read(b"abc", headers={"content-encoding": encoding})
    assert str(caught.value) == f"content-encoding {encoding}: expected gzip, deflate or identity"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{}", "body: not gzip: Error -3 while decompressing data: incorrect header check"),
        (b"", "body: not gzip: it ends too early"),
        (gzip.compress(b"abc", mtime=0)[:-4], "body: not gzip: it ends too early"),
        (gzip.compress(b"abc", mtime=0) + b"de", "body: not gzip: 2 bytes after its end"),
    ],
    ids=["no gzip", "nothing", "half", "more"],
)
def test_what_does_not_unpack_is_malformed(body: bytes, problem: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read(body, headers={"content-encoding": "gzip"})
    assert str(caught.value) == problem


def test_a_caller_who_leaves_is_told_apart_from_one_who_is_late() -> None:
    async def main() -> None:
        caller = Caller(b"abc", ends=False)
        caller.messages.put_nowait({"type": "http.disconnect"})
        await BodyReader(100, FOREVER_S).read(caller, [])

    with pytest.raises(MalformedError, match=r"^body 3 bytes: the caller left before its end$"):
        asyncio.run(main())


@pytest.mark.parametrize(("chunks", "size"), [([], 0), ([b"ab", b"c"], 3)])
def test_a_body_that_does_not_end_in_time_is_408_and_ends_the_connection(chunks: list[bytes], size: int) -> None:
    with pytest.raises(LateRequestError) as caught:
        read(*chunks, ends=False, timeout_s=0.05)
    assert str(caught.value) == f"body {size} bytes: expected the rest of it within 0.05 s"
    assert caught.value.status == 408
    assert caught.value.headers == ((b"connection", b"close"),)


async def settle(tasks: list[asyncio.Task[bytes]]) -> list[str]:
    """What became of each after all that can happen has happened."""
    for _ in range(10):
        await asyncio.sleep(0)
    return [await outcome(task) if task.done() else "waits" for task in tasks]


async def outcome(task: asyncio.Task[bytes]) -> str:
    try:
        return (await task).decode()
    except ServingError as error:
        return f"{error.status:d} {error}"


def test_when_unfinished_bodies_fill_the_room_the_largest_goes_and_small_ones_are_still_read() -> None:
    async def main() -> None:
        reader = BodyReader(1_000_000, FOREVER_S, room_bytes=200_000)
        slow = [Caller(b"x" * size, ends=False) for size in (20_000, 90_000, 30_000)]
        tasks = [asyncio.create_task(reader.read(each, [])) for each in slow]
        assert await settle(tasks) == ["waits"] * 3
        quick = asyncio.create_task(reader.read(Caller(b"quick"), []))
        gone = "429 body 90000 bytes: too many unfinished bodies at once, try again"
        assert await settle([*tasks, quick]) == ["waits", gone, "waits", "quick"]
        slow[0].send(b"", last=True)
        assert (await tasks[0]) == b"x" * 20_000
        tasks[2].cancel()

    asyncio.run(main())


def test_among_equals_the_one_that_has_waited_longest_goes_and_what_is_read_leaves_room() -> None:
    async def main() -> None:
        reader = BodyReader(1_000_000, FOREVER_S, room_bytes=100_000)  # six of 16 KiB
        tasks = [asyncio.create_task(reader.read(Caller(ends=False), [])) for _ in range(6)]
        assert await settle(tasks) == ["waits"] * 6
        for _ in range(20):
            assert await reader.read(Caller(b"quick"), []) == b"quick"
        found = await settle(tasks)
        assert found == ["429 body 0 bytes: too many unfinished bodies at once, try again", *["waits"] * 5]
        with pytest.raises(ShedError):
            await tasks[0]
        for task in tasks[1:]:
            task.cancel()

    asyncio.run(main())
