from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from workbench.stack import Process, Stack, TcpReady, main
from workbench.stack.logs import Line, follow, newest, parse, show, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def record(second: int, **fields: Any) -> str:
    when = f"2026-11-20T10:00:{second:02d}.500Z"
    return json.dumps({"@timestamp": when, "log.level": "info", "message": f"at {second}"} | fields)


def at(second: int) -> float:
    return datetime(2026, 11, 20, 10, 0, second, 500_000, UTC).timestamp()


def test_a_request_shows_its_status_and_duration() -> None:
    fields = {"http": {"response": {"status_code": 422}}, "event": {"duration": 1_250_000}}
    assert parse("iris", record(7, **fields)) == Line(at(7), "iris", "at 7 422 1.2 ms", "info")
    dotted = {"http.response.status_code": 200, "event.duration": 12_000_000}
    assert parse("iris", record(7, **dotted)).text == "at 7 200 12.0 ms"
    assert parse("iris", record(7, **(dotted | {"message": "GET / 200"}))).text == "GET / 200 12.0 ms"


def test_the_level_may_be_nested_and_upper_case() -> None:
    raw = json.dumps({"@timestamp": "2026-11-20T10:00:07.500Z", "log": {"level": "ERROR"}, "message": "x"})
    assert parse("iris", raw).level == "error"


def test_an_exception_shows_its_type_and_message() -> None:
    fields = {"error": {"type": "ValueError", "message": "no such file", "stack_trace": "Traceback …"}}
    assert parse("iris", record(7, **fields)).text == "at 7 (ValueError: no such file)"


@pytest.mark.parametrize("raw", ["Traceback (most recent call last):", "{", "[1]", "5", "{}", '{"@timestamp": "soon"}'])
def test_other_lines_stay_as_they_are_with_the_time_of_the_line_before(raw: str) -> None:
    assert parse("iris", raw, before=3.0) == Line(3.0, "iris", raw, None)


def test_the_newest_lines_of_several_processes_are_merged_by_time(tmp_path: Path) -> None:
    a, b = tmp_path / "a.log", tmp_path / "b.log"
    a.write_text("\n".join([record(1), record(3), "  a raw line after 3", record(6)]) + "\n")
    b.write_text("\n".join([record(2), record(4), record(5)]) + "\n")
    files = {"a": a, "b": b, "absent": tmp_path / "c.log"}
    assert [line.text for line in newest(files, 5)] == ["at 3", "  a raw line after 3", "at 4", "at 5", "at 6"]


def test_tail_reads_only_the_end_of_a_long_log(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_text("".join(f"{i} {'x' * 500}\n" for i in range(1000)))
    assert [line.split()[0] for line in tail(path, 300)] == [str(i) for i in range(700, 1000)]
    assert tail(path, 5, since=path.stat().st_size) == []
    assert tail(path, 5, since=path.stat().st_size - 10) == ["x" * 9]
    assert len(tail(path, 5, since=10**9)) == 5  # rotated meanwhile: all of it is new


def test_following_sees_new_lines_whole_and_goes_on_after_a_rotation(tmp_path: Path) -> None:
    path, late = tmp_path / "web.log", tmp_path / "late.log"
    path.write_text("old\n")

    def append(file: Path, text: str) -> None:
        with file.open("a") as log:
            log.write(text)

    meanwhile: list[Callable[[], object]] = [
        lambda: append(path, "ha"),
        lambda: append(path, "lf\n"),
        lambda: path.rename(tmp_path / "web.log.1"),
        lambda: append(path, "after the rotation\n"),
        lambda: append(late, "a new log\n"),
    ]

    def pause() -> None:
        meanwhile.pop(0)()

    lines = follow({"web": path, "late": late}, pause)
    assert [next(lines).text for _ in range(3)] == ["half", "after the rotation", "a new log"]


def test_a_line_is_printed_with_local_time_process_and_level() -> None:
    console = Console(file=io.StringIO(), width=40)
    show(Line(at(7), "iris", "a [bold]message[/] that is longer than the console is wide", "warning"), console, 6)
    show(Line(0.0, "router", "raw"), console, 6)
    clock = datetime.fromtimestamp(at(7), UTC).astimezone().strftime("%H:%M:%S.500")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == (
        f"{clock} iris   warning  a [bold]message[/] that is longer than the console is wide\n"
        "             router          raw\n"
    )


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    stack = Stack(7, [Process("web", ["true"], TcpReady(1)), Process("cache", ["true"], TcpReady(2))], tmp_path)
    stack.log_dir.mkdir()
    stack.log_file("web").write_text(f"{record(1)}\n{record(3)}\n")
    stack.log_file("cache").write_text(f"{record(2)}\n")
    return stack


def messages(output: str) -> Iterator[str]:
    for line in output.splitlines():
        yield line[line.index("at ") :]


def test_the_command_shows_all_processes_or_one(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(stack, ["logs"]) == 0
    assert list(messages(capsys.readouterr().out)) == ["at 1", "at 2", "at 3"]
    assert main(stack, ["logs", "-n", "1", "--process", "web"]) == 0
    assert list(messages(capsys.readouterr().out)) == ["at 3"]


def test_the_command_follows_until_interrupted(
    stack: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.stack.logs.time.sleep", interrupt)
    assert main(stack, ["logs", "--follow"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_without_logs_the_command_says_what_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack = Stack(7, [Process("web", ["true"], TcpReady(1))], tmp_path / "7")
    assert main(stack, ["logs"]) == 1
    assert capsys.readouterr().err == f"error: logs {stack.log_dir}: none yet; `make up-7` starts the level\n"
