"""The pool of connections, against servers that do what servers do."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from servekit.http_pool import HttpPool
from tests.patience import async_until
from tests.tcp_server import port_of, tcp_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def serving(*answers: bytes | None) -> AsyncIterator[tuple[HttpPool, list[bytes], list[int]]]:
    """A pool to a server that gives these answers in turn, the last again and again; None closes the connection."""
    requests: list[bytes] = []
    connections: list[int] = []
    turn = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        while request := await reader.read(65536):
            requests.append(request)
            answer = next(turn, answers[-1])
            if answer is None:
                break
            writer.write(answer)
            await writer.drain()
            if b"close" in answer:
                break

    async with tcp_server(serve) as server:
        pool = HttpPool("127.0.0.1", port_of(server))
        try:
            yield pool, requests, connections
        finally:
            pool.close()


async def test_a_request_is_what_was_asked_for() -> None:
    async with serving(OK) as (pool, requests, _):
        reply = await pool.post("/predict", b'{"a":1}', [(b"seldon-puid", b"p")])
        await pool.get("/metadata")
    assert (reply.status, reply.body) == (200, b"{}")
    assert (reply.header(b"content-type"), reply.header(b"content-encoding")) == (b"application/json", b"")
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1:")
    assert head.endswith(b"content-type: application/json\r\ncontent-length: 7\r\nseldon-puid: p")
    assert body == b'{"a":1}'
    assert requests[1].startswith(b"GET /metadata HTTP/1.1\r\n")


async def test_a_connection_is_used_again_and_parallel_requests_get_their_own() -> None:
    async with serving(OK) as (pool, _, connections):
        for _ in range(3):
            await pool.get("/")
        assert len(connections) == 1
        await asyncio.gather(pool.get("/"), pool.get("/"))
        assert len(connections) == 2


async def test_a_server_that_closes_after_its_answer_is_asked_over_a_new_connection() -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    async with serving(closing) as (pool, _, connections):
        assert [(await pool.get("/")).status for _ in range(2)] == [200, 200]
        assert len(connections) == 2


@pytest.mark.parametrize("value", [b"a\r\nx-injected: yes", b"a\nb", b"a\rb", b"a\0b"])
async def test_what_would_end_a_header_is_refused_before_anything_is_sent(value: bytes) -> None:
    async with serving(OK) as (pool, requests, _):
        for header in ((b"x", value), (value, b"x")):
            with pytest.raises(ValueError, match="expected a name and a value without CR, LF and NUL"):
                await pool.post("/predict", b"{}", [(b"good", b"1"), header])
        with pytest.raises(ValueError, match=r"^header b'x': "):
            await pool.get("/metadata", [(b"good", b"1"), (b"x", value)])
        assert requests == []


@pytest.mark.parametrize("path", ["/a b", "/a\r\nx: y", "/a\0", "/a\x7f"])
async def test_what_would_end_a_path_is_refused_before_anything_is_sent(path: str) -> None:
    async with serving(OK) as (pool, requests, _):
        with pytest.raises(ValueError, match="expected no blanks or control characters"):
            await pool.get(path)
        assert requests == []


OTHERS = OK.replace(b"{}", b"no")
BEYOND = {
    "another answer": OK + OTHERS,
    "the beginning of one": OK + b"HTTP/1.1 200",
    "what is no HTTP": OK + b"{}",
    "an answer after one without a body": b"HTTP/1.1 204 No Content\r\n\r\n" + OTHERS,
    "an interim answer and another": b"HTTP/1.1 100 Continue\r\n\r\n" + OTHERS,
    "another protocol": b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n" + OTHERS,
}


@pytest.mark.parametrize("first", BEYOND.values(), ids=BEYOND)
async def test_a_connection_on_which_more_than_an_answer_came_is_not_used_again(first: bytes) -> None:
    async with serving(first, OK) as (pool, _, connections):
        reply = await pool.get("/")
        assert reply.body in {b"{}", b""}
        assert (await pool.get("/")).body == b"{}"
        assert len(connections) == 2
        assert b"no" not in reply.body


async def test_what_arrives_unasked_closes_an_idle_connection() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while await reader.read(65536):
            writer.write(OK)

    async with tcp_server(serve) as server:
        pool = HttpPool("127.0.0.1", port_of(server))
        await pool.get("/")
        writers[0].write(OTHERS)
        closed = asyncio.Event()
        close = pool._idle[0].close

        def noted() -> None:
            close()
            closed.set()

        pool._idle[0].close = noted  # type: ignore[method-assign]
        async with asyncio.timeout(30):
            await closed.wait()
        assert (await pool.get("/")).body == b"{}"
        assert len(writers) == 2
        pool.close()


async def test_what_arrived_unasked_but_is_not_read_yet_is_no_answer() -> None:
    async with serving(OK, OK) as (pool, _, connections):
        await pool.get("/")
        ours, theirs = socket.socketpair()
        with theirs:
            _, odd = await asyncio.get_running_loop().create_connection(type(pool._idle[0]), sock=ours)
            theirs.sendall(OTHERS)
            pool._idle.append(odd)
            assert (await pool.get("/")).body == b"{}"  # taken before the loop reads
        assert len(connections) == 1


async def test_a_request_is_sent_a_second_time_at_most_once() -> None:
    async with serving(OK, OK, OK, None) as (pool, requests, connections):
        await asyncio.gather(*(pool.get("/") for _ in range(3)))  # three idle connections, which all will break
        with pytest.raises(ConnectionResetError):
            await pool.get("/again")
    assert sum(b"/again" in request for request in requests) == 2
    assert len(connections) == 4  # the second time over a new one


async def test_connections_of_requests_that_may_not_arrive_twice_do_not_pile_up() -> None:
    async with serving(*[OK] * 6) as (pool, _, _):
        await pool.get("/")
        for _ in range(5):
            await pool.post("/feedback", b"{}", once=True)
        assert len(pool._idle) == 1


async def test_a_request_that_may_not_arrive_twice_is_sent_once_over_a_connection_of_its_own() -> None:
    async with serving(OK, None) as (pool, requests, connections):
        await pool.get("/")
        with pytest.raises(ConnectionResetError):
            await pool.post("/feedback", b"{}", once=True)
        assert sum(b"/feedback" in request for request in requests) == 1
        assert len(connections) == 2


async def test_an_idle_connection_that_was_closed_meanwhile_is_no_failure() -> None:
    async with serving(OK, None, OK) as (pool, requests, connections):
        await pool.get("/")
        assert (await pool.get("/")).status == 200  # the second request met the close, and was sent again
        assert (len(requests), len(connections)) == (3, 2)


async def test_a_new_connection_that_is_closed_without_an_answer_is_a_failure() -> None:
    async with serving(None) as (pool, _, __):
        with pytest.raises(ConnectionResetError, match="connection closed"):
            await pool.get("/")


async def test_an_answer_in_pieces_is_put_together() -> None:
    chunked = b"HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    async with serving(chunked) as (pool, *_):
        reply = await pool.get("/")
        assert (reply.status, reply.body) == (500, b"abc")


async def test_an_answer_that_comes_too_late_is_never_taken_for_the_next_one() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\ncontent-le", OK) as (pool, requests, connections):
        late = asyncio.create_task(pool.get("/"))
        await async_until(lambda: requests, "asked")
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
        assert (await pool.get("/")).body == b"{}"
        assert len(connections) == 2


async def test_a_time_limit_ends_the_wait_and_the_connection() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\ncontent-le", OK) as (pool, _, connections):
        with pytest.raises(TimeoutError, match="no answer in time"):
            await pool.get("/", timeout_s=1)
        assert (await pool.get("/", timeout_s=5)).body == b"{}"
        assert len(connections) == 2


async def test_a_request_of_several_parts_leaves_as_they_are() -> None:
    matrix = memoryview(bytes(range(256)))
    async with serving(OK) as (pool, requests, _):
        head = b"POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length: 256\r\n\r\n"
        assert (await pool.exchange((head, matrix))).status == 200
        assert b"".join(requests) == head + bytes(matrix)


async def test_a_body_may_be_of_another_type_than_json() -> None:
    async with serving(OK) as (pool, requests, _):
        await pool.post("/infer", b"\0", [(b"content-type", b"application/octet-stream")])
    assert b"json" not in requests[0]


async def test_nobody_listening_is_an_error_of_the_connection() -> None:
    async with serving(OK) as (pool, *_):
        port = pool._address[1]
    with pytest.raises(ConnectionRefusedError):
        await HttpPool("127.0.0.1", port).get("/")


async def test_connections_that_only_a_burst_needed_are_closed_and_the_last_one_too_in_the_end() -> None:
    open_, most = 0, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_, most
        open_ += 1
        most = max(most, open_)
        try:
            while await reader.read(65536):
                await asyncio.sleep(0.01)
                writer.write(OK)
        finally:
            open_ -= 1

    async with tcp_server(serve) as server:
        pool = HttpPool("127.0.0.1", port_of(server), idle_s=0.3)
        await asyncio.gather(*(pool.get("/") for _ in range(20)))
        assert most == 20

        async def asked_again() -> bool:
            await pool.get("/")
            return open_ == 1

        await async_until(asked_again, "down to the one that is in use")
        await async_until(lambda: open_ == 0, "without connections")
        assert (await pool.get("/")).status == 200
        pool.close()
