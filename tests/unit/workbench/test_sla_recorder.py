from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.load import Request
from workbench.sla.recorder import Checked, Recorder, read_measured
from workbench.sla.samples import read_samples

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random


class Even:
    def request(self, kind: str, random: Random) -> Request:
        del random
        return Request(kind)

    def check(self, request: Request, answer: bytes) -> str | None:
        return None if int(answer) % 2 == 0 else f"{request.path}{int(answer)} is odd"


def test_a_workers_samples_and_checks_arrive_at_the_master(tmp_path: Path) -> None:
    worker, master = Recorder(tmp_path / "worker"), Recorder(tmp_path / "master")
    master.start()
    worker.record((1.0, 0.5, 0.1), 10, 1, 503)
    worker.keep("small", Request("/"), b"2")
    worker.keep("small", Request("/"), b"3")
    worker.check(Even())
    worker.total.streams_done = 1
    report: dict[str, object] = {}
    worker.ship(report)
    master.receive(report)
    empty: dict[str, object] = {}
    worker.ship(empty)
    master.receive(empty)
    master.receive({})
    master.save()
    assert read_samples(tmp_path / "master" / "samples.bin").tolist() == [(1.0, 0.5, 0.1, 10, 1, 503)]
    measured = read_measured(tmp_path / "master")
    assert measured is not None
    assert measured.streams_done == 1
    assert measured.answers == Checked(2, 1, ["small: /3 is odd"])


def test_an_answer_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.keep("small", Request("/"), b"<html>")
    recorder.check(Even())
    assert recorder.total.answers.examples == ["small: ValueError: invalid literal for int() with base 10: b'<html>'"]


def test_a_new_test_forgets_the_one_before(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.record((1.0, 0.5, 0.1), 10, 1, 0)
    recorder.save()
    recorder.start()
    assert read_measured(tmp_path) is None
    assert len(read_samples(tmp_path / "samples.bin")) == 0


def test_at_most_2000_answers_are_kept(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for _ in range(2100):
        recorder.keep("small", Request("/"), b"2")
    recorder.check(Even())
    assert recorder.total.answers.checked == 2000
