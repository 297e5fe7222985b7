"""The exam's own rules: rubrics, points, permission, what is printed and what the certificate holds."""

from __future__ import annotations

import importlib
import io
import re
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from rich.console import Console

from course.exam import (
    Criterion,
    Examined,
    LevelExam,
    NotJudgedError,
    Rubric,
    RubricError,
    ShortfallError,
    lifecycle,
    load_rubric,
)
from course.exam.certificate import render_certificate
from course.exam.command import main
from course.exam.digest import digest_code
from course.exam.published import PUBLISHED, publish
from course.exam.refusals import Refusal, refuse_all
from course.exam.result import ExamResult, make_result
from course.exam.runner import ELSEWHERE, REFUSED, examine
from course.exam.stops import CallLog
from course.exam.table import print_result
from course.exam.telemetry import Metrics
from workbench.load import Answer, Failure
from workbench.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from course.exam.examined import Check

PACKAGES = {1: "iris_api", 2: "recommender", 3: "shop"}


def criterion(name: str, points: int, **more: Any) -> Criterion:
    return Criterion(name, points, f"does {name} well", f"asks for {name} in a row", f"mend {name} where it is", **more)


def well(_: Examined) -> str:
    return "as it should be"


def badly(_: Examined) -> str:
    raise ShortfallError("it is not")


def unjudged(_: Examined) -> str:
    raise NotJudgedError("the generator was late")


def broken(_: Examined) -> str:
    raise KeyError("predictions")


HERE = Examined(1, "http://127.0.0.1:9", Stack(1, [], Path(".run/1")))


def taken(
    checks: Mapping[str, Check], *criteria: Criterion, examined: Examined = HERE, granted: bool = True
) -> ExamResult:
    rubric = Rubric(1, "A level", list(criteria))
    judged = list(examine(rubric, checks, examined, granted=granted))
    return make_result(rubric, judged, examined, digest_code(["interview/exams"]), 1.0)


@pytest.mark.parametrize("level", PACKAGES)
def test_each_level_has_a_check_for_every_criterion_of_its_rubric(level: int) -> None:
    exam: LevelExam = importlib.import_module(f"{PACKAGES[level]}.commands.exam.__main__").EXAM
    assert exam.level == level
    assert sorted(exam.checks) == sorted(each.id for each in load_rubric(level).criterion)
    assert digest_code(exam.code).files > 20


def test_the_published_page_is_what_the_rubrics_say() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == publish(), "make skills writes it anew"


def test_what_stops_processes_comes_last_so_that_nothing_else_is_lost_with_it() -> None:
    for level in PACKAGES:
        ids = [each.id for each in load_rubric(level).criterion]
        assert ids[-1] in {"kill", "step-failure"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("level = 1", "missing required field"),
        ('level = 1\ntitle = "x"\ncriterion = []', "0 points in all: expected 100"),
        ('level = 1\ntitle = "x"\ncolour = 1\ncriterion = []', "unknown field `colour`"),
    ],
)
def test_a_rubric_of_another_form_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "level-1.toml").write_text(text)
    with pytest.raises(RubricError, match=problem):
        load_rubric(1, tmp_path)


def test_a_criterion_is_earned_or_lost_as_a_whole_and_a_check_that_fails_is_lost() -> None:
    checks = {"one": well, "two": badly, "three": broken}
    result = taken(checks, criterion("one", 60), criterion("two", 30), criterion("three", 10))
    assert (result.points, result.earned, result.judged, result.left_out) == (60, 60, 100, [])
    assert [each.seen for each in result.criteria] == ["as it should be", "it is not", "KeyError: 'predictions'"]
    assert [each.id for each in result.first_fixes] == ["two", "three"]


def test_what_is_refused_or_cannot_be_judged_costs_nothing() -> None:
    criteria = criterion("one", 60), criterion("two", 30, rights=True), criterion("three", 10)
    checks = {"one": well, "two": badly, "three": unjudged}
    result = taken(checks, *criteria, granted=False)
    assert (result.points, result.earned, result.judged, result.left_out) == (100, 60, 60, ["two", "three"])
    assert [each.seen for each in result.criteria][1:] == [REFUSED, "the generator was late"]


def test_points_are_rounded_down_so_that_100_means_all() -> None:
    checks = {"one": well, "two": badly, "three": unjudged}
    result = taken(checks, criterion("one", 98), criterion("two", 1), criterion("three", 1))
    assert result.points == 98


def test_of_a_level_elsewhere_neither_files_nor_processes_are_judged() -> None:
    criteria = criterion("one", 60), criterion("two", 30, rights=True), criterion("three", 10, here=True)
    elsewhere = replace(HERE, stack=None)
    result = taken(dict.fromkeys(("one", "two", "three"), well), *criteria, examined=elsewhere)
    assert (result.points, result.left_out) == (100, ["two", "three"])
    assert result.criteria[1].seen == result.criteria[2].seen == ELSEWHERE
    with pytest.raises(NotJudgedError, match="not in reach"):
        _ = elsewhere.home


def test_the_table_fits_80_columns_and_says_what_to_fix_first() -> None:
    result = taken({"one": well, "two": badly}, criterion("one", 60), criterion("two", 40))
    page = Console(width=80, file=io.StringIO(), record=True)
    print_result(page, result)
    text = page.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "level 1: 60 of 100 points, in 1 s" in text
    assert "1. does two well (40 points): mend two where it is" in text


def test_the_certificate_loads_nothing_and_holds_machine_and_digest() -> None:
    result = taken({"one": well, "two": badly}, criterion("one", 60), criterion("two", 40))
    page = render_certificate(result)
    assert "default-src 'none'" in page
    assert re.findall(r"(?:src|href)\s*=|@import|url\(", page) == []
    for each in (result.code["sha256"], result.hardware["cpu"], "mend two where it is", "60 of 100 points"):
        assert each in page


def test_what_a_level_said_is_text_on_the_certificate() -> None:
    def evil(_: Examined) -> str:
        raise ShortfallError("<script>alert(1)</script>")

    page = render_certificate(taken({"one": evil}, criterion("one", 100)))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_digest_changes_with_every_file_and_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "code" / "__pycache__").mkdir(parents=True)
    (tmp_path / "code" / "a.py").write_text("1")
    first = digest_code(["code"], tmp_path)
    (tmp_path / "code" / "__pycache__" / "a.pyc").write_text("compiled")
    assert digest_code(["code"], tmp_path) == first
    (tmp_path / "code" / "a.py").rename(tmp_path / "code" / "b.py")
    second = digest_code(["code"], tmp_path)
    (tmp_path / "code" / "b.py").write_text("2")
    assert len({first.sha256, second.sha256, digest_code(["code"], tmp_path).sha256}) == 3


def test_two_checks_draw_numbers_of_their_own_and_the_same_ones_again() -> None:
    one, again = HERE.draw("one"), HERE.draw("one")
    assert [one.random() for _ in range(3)] == [again.random() for _ in range(3)]
    assert HERE.draw("one").random() != HERE.draw("two").random()


@dataclass
class Served:
    """What a small server answers to anything: a learner's, with whatever is wrong with it."""

    status: int
    body: bytes

    @contextmanager
    def running(self) -> Iterator[str]:
        status, body = self.status, self.body

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_address[1]}"
            finally:
                server.shutdown()
                thread.join()


@pytest.mark.parametrize(
    ("served", "problem"),
    [
        (Served(422, b'{"error": "k 0: expected 1 or more"}'), None),
        (Served(500, b'{"error": "k 0"}'), "nothing: 500, expected 422"),
        (Served(422, b"k 0"), "nothing: 422 without a reason in JSON"),
        (Served(422, b'{"detail": "k 0"}'), "nothing: 422 without a reason in JSON"),
        (Served(422, b'{"error": ""}'), "nothing: 422 without a reason in JSON"),
        (
            Served(422, b'{"error": "Traceback (most recent call last)"}'),
            "nothing: the answer shows the server's source",
        ),
    ],
)
def test_a_refusal_has_the_right_status_and_a_reason(served: Served, problem: str | None) -> None:
    with served.running() as url:
        examined, refusals = replace(HERE, url=url), [Refusal("nothing", 422, "/", b"{}")]
        if problem is None:
            assert refuse_all(examined, refusals, lambda answer: answer["error"]).startswith("1 wrong requests")
            return
        with pytest.raises(ShortfallError) as shortfall:
            refuse_all(examined, refusals, lambda answer: answer["error"])
        assert str(shortfall.value) == f"1 of 1 wrong requests: {problem}"


def test_a_server_that_is_away_loses_its_refusals_and_its_metrics() -> None:
    with pytest.raises(ShortfallError, match=r"nothing: no answer \(ConnectionRefusedError\), expected 422"):
        refuse_all(HERE, [Refusal("nothing", 422, "/", b"{}")], lambda answer: answer["error"])
    with pytest.raises(ShortfallError, match=r"127\.0\.0\.1:9/metrics: "):
        Metrics(replace(HERE, metrics=("http://127.0.0.1:9/metrics",)))


def test_the_callers_of_a_killed_process_are_counted_from_the_kill() -> None:
    log = CallLog(quiet_s=0.0, patience_s=30.0)
    log.heard(Answer(0, 0, 0.01, 500))
    assert not log.over()
    begun = time.monotonic()
    log.begin()
    for status in (Failure.REFUSED, 503, 200):
        log.heard(Answer(0, 0, 0.01, status))
    assert log.bad == {"connection refused": 1, "HTTP 503": 1}
    assert 0 <= log.recovered_s <= time.monotonic() - begun
    assert log.said() == "1 × connection refused, 1 × HTTP 503, 1 × ok"
    log.demand_recovery("killed")


def test_a_process_that_does_not_come_back_is_said() -> None:
    log = CallLog(quiet_s=1.0, patience_s=0.0)
    log.begin()
    log.heard(Answer(0, 0, 0.01, Failure.REFUSED))
    with pytest.raises(ShortfallError, match="killed: nobody was answered again"):
        log.demand_recovery("killed")
    log.heard(Answer(0, 0, 0.01, 200))
    log.heard(Answer(0, 0, 0.01, Failure.REFUSED))
    with pytest.raises(ShortfallError, match="killed: still not answering 0 s later"):
        log.demand_recovery("killed")


@pytest.fixture
def exam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LevelExam:
    """Level 1's rubric with checks that are always met, on a level that is said to be up."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr(lifecycle, "find_started", lambda *_: True)
    monkeypatch.setattr(lifecycle, "own", lambda *_: None)
    checks = {each.id: well for each in load_rubric(1).criterion}
    return LevelExam(1, "iris_api", ("interview/exams",), checks, lambda seed: replace(HERE, seed=seed), elsewhere)


def elsewhere(url: str, seed: int) -> Examined:
    return Examined(1, url, None, seed)


def result() -> dict[str, Any]:
    read: dict[str, Any] = msgspec.json.decode(Path(".run/exam/1.json").read_bytes())
    return read


def test_without_a_terminal_nothing_is_stopped_unless_it_is_granted(
    exam: LevelExam, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(exam, []) == 0
    assert (result()["points"], result()["left_out"]) == (100, ["drain", "kill"])
    assert "left out of the total: drain, kill" in capsys.readouterr().out
    assert main(exam, ["--yes"]) == 0
    assert result()["left_out"] == []
    monkeypatch.setenv("YES", "1")
    assert main(exam, ["--seed", "7"]) == 0
    assert (result()["left_out"], result()["seed"]) == ([], 7)


@pytest.mark.parametrize(("answer", "left_out"), [("y\n", []), ("\n", ["drain", "kill"]), ("", ["drain", "kill"])])
def test_on_a_terminal_it_is_asked(
    exam: LevelExam, monkeypatch: pytest.MonkeyPatch, answer: str, left_out: list[str]
) -> None:
    keyboard = io.StringIO(answer)
    keyboard.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", keyboard)
    assert main(exam, []) == 0
    assert result()["left_out"] == left_out


def test_a_level_elsewhere_is_examined_without_its_files(exam: LevelExam, monkeypatch: pytest.MonkeyPatch) -> None:
    with Served(200, b"{}").running() as url:
        monkeypatch.setenv("URL", f"{url}/")
        assert main(exam, ["--yes"]) == 0
    assert (result()["target"], result()["here"]) == (url, False)
    assert result()["left_out"] == ["traces", "logs", "audit", "drain", "kill"]


def test_where_nothing_answers_there_is_no_exam(
    exam: LevelExam, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("URL", "http://127.0.0.1:9")
    assert main(exam, []) == 2
    assert "http://127.0.0.1:9: " in (printed := capsys.readouterr().err)
    assert printed.endswith("is level 1 there?\n")
    assert not Path(".run/exam").exists()


def test_some_criteria_alone_leave_the_last_certificate_as_it_is(
    exam: LevelExam, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(exam, ["--only", "sla", "--only", "metrics"]) == 0
    assert "22 of the 22 that could be judged" in capsys.readouterr().out
    assert not Path(".run/exam").exists()
    assert main(exam, ["--only", "speed"]) == 2
    assert capsys.readouterr().err.startswith("criterion speed: expected one of agreement, audit, ")


def test_points_that_are_lost_are_an_exit_code(exam: LevelExam) -> None:
    assert main(replace(exam, checks={**exam.checks, "sla": badly}), ["--yes"]) == 1
    assert (result()["points"], result()["of"]) == (85, 100)
    assert result()["criteria"][4]["seen"] == "it is not"


def test_ctrl_c_writes_nothing(exam: LevelExam, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: Examined) -> str:
        raise KeyboardInterrupt

    assert main(replace(exam, checks={**exam.checks, "sla": interrupted}), []) == 130
    assert "interrupted: nothing is written" in capsys.readouterr().out
    assert not Path(".run/exam").exists()


def test_the_rubric_is_shown_without_an_exam(exam: LevelExam, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(exam, ["--rubric"]) == 0
    printed = capsys.readouterr().out
    assert "One model behind an API" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_a_level_that_is_not_up_is_started_and_stopped_again(
    exam: LevelExam, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verbs: list[str] = []

    def do(_: LevelExam, verb: str, *, check: bool = True) -> None:
        del check
        verbs.append(verb)

    monkeypatch.setattr(lifecycle, "find_started", lambda *_: None)
    monkeypatch.setattr(lifecycle, "_stack", do)
    assert main(exam, []) == 0
    assert verbs == ["up", "down"]
    assert "level 1 is not up: the exam starts it, and stops it afterwards" in capsys.readouterr().out
