"""What a stranger sent is shown, and no terminal obeys it, whichever command prints it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rich.progress import Progress
from rich.text import Text

from tests.patience import until
from workbench.drift.terminal import main as drift
from workbench.observe.__main__ import main as observe
from workbench.stack import Process, Stack, TcpReady
from workbench.stack import main as stack
from workbench.terminal import ScreenedConsole, make_console, make_table, printable, say
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = {
    "clears the screen": "\x1b[2J\x1b[H",
    "sets the clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "links elsewhere": "\x1b]8;;http://elsewhere.example\x1b\\here\x1b]8;;\x1b\\",
    "an 8-bit control sequence": "\x9b2J",
    "an 8-bit title": "\x9d0;title\x9c",
    "overwrites the line": "bad\rgood",
    "erases what was there": "bad\b\b\bgood",
    "reads from right to left": "\u202egpj.exe",
    "isolates": "\u2066a\u2069",
    "nothing to see": "a\u200bb\ufeff\U000e0041",
    "another line": "seen\u2028unseen\u2029\x85",
    "half a character": "\ud800",
    "deletes": "\x7f\x00",
}


def is_plain(text: str) -> bool:
    """Whether a terminal shows every character, on lines that `text` parts itself."""
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_shown_and_not_obeyed(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = make_console()
    table = make_table(console, "plain", "text", title=text)
    table.add_row(text, Text(text))
    for thing in (text, Text(text), table):
        console.print(thing, soft_wrap=True)
        make_console(stderr=True).print(thing, soft_wrap=True)
    say(text)
    say(ValueError(text), stderr=True)
    printed = capsys.readouterr()
    assert is_plain(printed.out)
    assert is_plain(printed.err)


def test_what_is_shown_is_what_python_writes() -> None:
    assert printable("größer ✓ 漢字 [red]") == "größer ✓ 漢字 [red]"
    assert printable("a\x1b[2J\n\tb\x9b\u202e") == r"a\x1b[2J\n\tb\x9b\u202e"


def test_lines_stay_lines_where_a_command_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    say("first\nsecond\x1b")
    assert capsys.readouterr().out == "first\nsecond\\x1b\n"


def test_colours_and_progress_bars_of_our_own_stay(capsys: pytest.CaptureFixture[str]) -> None:
    console = ScreenedConsole(force_terminal=True, color_system="standard", width=80)
    console.print("[red]ours[/] \x1b[32m", highlight=False)
    assert capsys.readouterr().out == "\x1b[31mours\x1b[0m \\x1b[32m\n"
    with Progress(console=console) as progress:
        progress.add_task("\x1b[2J", total=1)
    assert "\x1b[2K" in (shown := capsys.readouterr().out)
    assert "\x1b[2J" not in shown


@pytest.fixture
def level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A level whose log and trace are full of what strangers sent."""
    monkeypatch.chdir(tmp_path)
    level = Stack(7, [Process("web", ["true"], TcpReady(1))], tmp_path / ".run" / "7")
    level.log_dir.mkdir(parents=True)
    when = {"@timestamp": "2026-11-20T10:00:07.500Z"}
    lines = [
        json.dumps(when | {"message": text, "error.message": text}, ensure_ascii=True) for text in HOSTILE.values()
    ]
    lines += [text for text in HOSTILE.values() if text != "\ud800"]
    level.log_file("web").write_text("\n".join(lines) + "\n")
    spans = [
        {
            "trace_id": "ab" * 16, "span_id": text, "parent_span_id": None, "service": text, "name": text,
            "kind": text, "start_unix_ns": 0, "end_unix_ns": 1, "status": text, "attributes": {text: text},
        }
        for text in HOSTILE.values() if text != "\ud800"
    ]  # fmt: skip
    (level.home / "traces.jsonl").write_text("".join(f"{json.dumps(span)}\n" for span in spans))
    return level


def test_the_logs_are_plain(level: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert stack(level, ["logs", "-n", "100"]) == 0
    printed = capsys.readouterr().out
    assert is_plain(printed)
    assert r"\x1b[2J\x1b[H" in printed


def test_no_message_makes_a_line_of_its_own(level: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    forged = {"@timestamp": "2026-11-20T10:00:07.500Z", "message": "denied\n10:00:08.000 web info     allowed"}
    level.log_file("web").write_text(json.dumps(forged) + "\n")
    stack(level, ["logs"])
    assert len(capsys.readouterr().out.splitlines()) == 1
    observe(["query", "7", "select message from logs"])
    assert len(capsys.readouterr().out.splitlines()) == len(["heading", "row"])


def test_answers_to_sql_are_plain(level: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert level.log_dir.exists()
    for sql in ("select message, error, raw from lines", "from spans", "select chr(27) || '[2J' as \"\x1b[2J\""):
        assert observe(["query", "7", sql]) == 0
    assert observe(["query", "7", "select cast(message as integer) from logs"]) == 1
    printed = capsys.readouterr()
    assert is_plain(printed.out)
    assert is_plain(printed.err)


def test_traces_are_plain(level: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert level.home.exists()
    assert observe(["trace", "7", "--id", "abab"]) == 0
    assert is_plain(printed := capsys.readouterr().out)
    assert r"\x1b[2J\x1b[H" in printed


def test_drift_is_plain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    labels = 'model="\x1b[2J[/red]",version="\u202e",window="short",feature="[link=http://elsewhere.example]\x9b2J",statistic="psi"'
    exposition = f"serving_drift_psi{{{labels}}} 1.0\nserving_drift_alarm{{{labels}}} 1.0\n"
    monkeypatch.setattr("workbench.drift.terminal._fetch", lambda _url: exposition)
    assert drift(["http://127.0.0.1/metrics"]) == 1
    assert is_plain(printed := capsys.readouterr().out)
    assert r"\x1b[2J[/red] \u202e: [link=http://elsewhere.example]\x9b2J" in printed


@pytest.mark.slow
def test_every_command_has_its_console_from_here() -> None:
    for path in [*(ROOT / "shared").rglob("*.py"), *ROOT.glob("0?-*/*/**/*.py")]:
        called = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert "Console" not in called, path


def test_every_command_prints_what_nobody_may_read_by_say() -> None:
    own = ROOT / "shared/workbench/terminal.py"
    for path in [*(ROOT / "shared/workbench").rglob("*.py"), *(ROOT / "shared/course").rglob("*.py")]:
        assert path == own or "sys.stdout.write" not in path.read_text(), path


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("course.progress", 0),
        ("workbench.licences", 0),
        ("course.drill --help", 0),
        ("iris_api.commands.stack status", 1),  # it is not up
        pytest.param("course.incidents --list", 0, marks=pytest.mark.slow),
        pytest.param("iris_api.commands.exam --rubric", 0, marks=pytest.mark.slow),
    ],
)
def test_a_command_that_nobody_reads_any_more_ends_quietly_with_its_own_exit_code(
    command: str, code: int, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=writer, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr.decode()) == (code, "")


def test_following_the_logs_ends_when_nobody_reads_them_any_more(tmp_path: Path) -> None:
    log = tmp_path / ".run/1/logs/iris-api.log"
    log.parent.mkdir(parents=True)
    log.write_text("first\n")
    command = [sys.executable, "-m", "iris_api.commands.stack", "logs", "-f"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as logs:
        assert logs.stdout is not None
        assert logs.stderr is not None
        assert "first" in logs.stdout.readline()
        logs.stdout.close()

        def ended() -> bool:
            with log.open("a") as file:
                file.write("one more\n")
            return logs.poll() is not None

        try:
            until(ended, "the command ended")
        finally:
            logs.kill()
        assert (logs.returncode, logs.stderr.read()) == (0, "")


@pytest.mark.parametrize(
    ("numbers", "right"), [((), []), (1, ["b", "c", "d"]), ((0, 2), ["a", "c"]), (range(1, 3), ["b", "c"])]
)
def test_columns_of_numbers_are_aligned_on_the_right(numbers: int | tuple[int, ...], right: list[str]) -> None:
    table = make_table(make_console(), "a", "b", "c", "d", numbers=numbers)
    assert [column.header for column in table.columns if column.justify == "right"] == right
