"""Somebody removes a writer with all its files, adds one, or edits the list of writers."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from servekit.audit import AuditLog, AuditSealError, AuditSettings, verify
from workbench.audit.terminal import main

if TYPE_CHECKING:
    from pathlib import Path

SECOND_IS_GONE = "worker-1.000001.jsonl: missing, and so is all else of a writer whom the list of writers names"


@pytest.fixture(params=["", "a key of 32 characters or even more"], ids=["plain", "keyed"])
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path, key: str) -> Path:
    """A log that three workers kept side by side."""
    with (
        AuditLog(settings(tmp_path, key)) as first,
        AuditLog(settings(tmp_path, key)) as second,
        AuditLog(settings(tmp_path, key)) as third,
    ):
        for log in (first, second, third):
            record(log)
    assert problems(tmp_path, key) == []
    return tmp_path


def settings(folder: Path, key: str = "") -> AuditSettings:
    return AuditSettings(dir=folder, key=SecretStr(key), flush_interval_s=60, fsync="never")


def record(log: AuditLog) -> None:
    log.record(request_id="r", model="iris", version="1", input_digest="", output_digest="", decision="", latency_s=0.1)


def remove(folder: Path, writer: str) -> None:
    for path in folder.glob(f"{writer}.*"):
        path.unlink()


def cut_list(folder: Path, lines: int) -> None:
    path = folder / "writers.list"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))


def problems(folder: Path, key: str) -> list[str]:
    return [str(problem) for problem in verify(folder, key).problems]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_writer_that_was_removed_with_all_its_files_is_missed(folder: Path, key: str, number: int) -> None:
    remove(folder, f"worker-{number}")
    assert problems(folder, key) == [SECOND_IS_GONE.replace("worker-1", f"worker-{number}")]


def test_a_restart_of_the_others_does_not_hide_that_a_writer_was_removed(folder: Path, key: str) -> None:
    remove(folder, "worker-1")
    AuditLog(settings(folder, key), "worker-0").close()
    assert problems(folder, key) == [SECOND_IS_GONE]


def test_a_removed_writer_that_begins_anew_is_the_old_one_to_an_anchor_alone(folder: Path, key: str) -> None:
    noted = verify(folder, key).writers[1].head[1]
    remove(folder, "worker-1")
    AuditLog(settings(folder, key), "worker-1").close()
    assert noted not in verify(folder, key).hashes


@pytest.mark.parametrize("left", [1, 2])
def test_a_list_that_was_cut_to_fit_the_files_is_shorter_than_the_others_know(
    folder: Path, key: str, left: int
) -> None:
    for number in range(left, 3):
        remove(folder, f"worker-{number}")
    cut_list(folder, left)
    (problem,) = problems(folder, key)
    assert re.fullmatch(
        r"writers\.list: truncated or replaced: worker-[01]\.000001\.jsonl:\d knows a line that is not in it", problem
    )


def test_a_list_that_was_deleted_is_missing_before_a_restart_and_known_to_be_another_after_it(
    folder: Path, key: str
) -> None:
    remove(folder, "worker-1")
    (folder / "writers.list").unlink()
    assert problems(folder, key) == ["writers.list: missing: whether a writer was removed cannot be told"]
    AuditLog(settings(folder, key), "worker-0").close()
    assert problems(folder, key) == [
        "writers.list: truncated or replaced: worker-0.000001.jsonl:1 knows a line that is not in it"
    ]


def test_files_of_a_writer_that_never_joined_are_found(
    folder: Path, key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    AuditLog(settings(elsewhere, key), "forged").close()
    for path in elsewhere.glob("forged.*"):
        shutil.copy(path, folder)
    assert problems(folder, key) == ["writers.list: does not name forged, whose files are here: they were added"]


def test_a_changed_line_of_the_list_is_found(folder: Path, key: str) -> None:
    path = folder / "writers.list"
    path.write_bytes(path.read_bytes().replace(b'"worker-1"', b'"worker-0"'))
    assert "writers.list:2: changed: the hash does not fit the line" in problems(folder, key)


def test_a_line_of_the_list_that_a_crash_tore_is_moved_aside_by_the_next_writer(folder: Path, key: str) -> None:
    path = folder / "writers.list"
    path.write_bytes(path.read_bytes() + b'{"kind":"joined","se')
    assert problems(folder, key) == []
    AuditLog(settings(folder, key), "fourth").close()
    assert problems(folder, key) == []
    assert (folder / "writers.list.torn").read_bytes() == b'{"kind":"joined","se\n'


def test_a_log_older_than_the_list_is_sound_and_gets_one(folder: Path, key: str) -> None:
    (folder / "writers.list").unlink()
    for path in [*folder.glob("*.jsonl"), *folder.glob("*.head")]:
        path.unlink()  # what a writer without a list wrote: nothing that names one
    for writer in ("old-0", "old-1"):
        begin_without_a_list(folder, writer, key)
    assert problems(folder, key) == []
    AuditLog(settings(folder, key), "old-1").close()
    assert problems(folder, key) == []
    remove(folder, "old-0")
    assert problems(folder, key) == [SECOND_IS_GONE.replace("worker-1", "old-0")]


def begin_without_a_list(folder: Path, writer: str, key: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("servekit.audit.writer.Register.join", lambda *_: "")
        patch.setattr("servekit.audit.writer.Register.news", lambda _: None)
        AuditLog(settings(folder, key), writer).close()


def test_one_directory_has_one_kind_of_seal(folder: Path, key: str) -> None:
    with pytest.raises(AuditSealError, match=r"writers\.list: sealed with .*; keep the key as it was or begin a new"):
        AuditLog(settings(folder, "" if key else "a key"), "fourth")


def test_the_list_is_shown_and_its_end_is_an_anchor(
    folder: Path, key: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_KEY", key)
    end = verify(folder, key).register.head
    assert end[0] == 3
    assert main(["verify", str(folder), "--anchor", end[1]]) == 0
    shown = capsys.readouterr().out
    assert "writers.list" in shown
    assert f"the list of writers: ends at seq 3, hash {end[1]}" in shown


def test_what_there_is_to_note_is_one_line_that_finds_a_log_begun_anew(
    folder: Path, key: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_KEY", key)
    assert main(["verify", str(folder)]) == 0
    noted = re.search(r'^note this elsewhere for the next check: ANCHOR="(.*)"$', capsys.readouterr().out, re.MULTILINE)
    assert noted
    assert len(noted[1].split()) == 4  # three writers and the list of them
    monkeypatch.setenv("ANCHOR", noted[1])
    assert main(["verify", str(folder)]) == 0
    remove(folder, "w*")
    AuditLog(settings(folder, key)).close()
    assert main(["verify", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert shown.count("no line has this hash, the log was rewritten") == 4
    assert "to note elsewhere" not in shown.rpartition("no line has this hash")[2]


def test_a_value_of_the_metric_is_an_anchor(folder: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_KEY", key)
    value = int(verify(folder, key).writers[0].head[1][:12], 16)
    for text in (str(value), str(float(value))):  # as Prometheus has it, and as the server says it
        assert main(["verify", str(folder), "--anchor", text]) == 0
    assert main(["verify", str(folder), "--anchor", str(value - 1)]) == 1


@pytest.mark.parametrize("anchor", ["a1", "1e99", "1.5", "1e", "-1", "nan", str(2**48), "0" * 63])
def test_what_cannot_be_an_anchor_is_refused(folder: Path, anchor: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(folder), f"--anchor={anchor}"]) == 2
    expected = f"anchor {anchor!r}: expected 64 hex digits, or a value of serving_audit_head"
    assert capsys.readouterr().out.replace("\n", " ").strip() == expected
