from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from servekit.audit import AuditError, AuditLog, AuditSealError, AuditSettings, verify
from workbench.audit.terminal import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE, TWO, THREE = (f"api.00000{number}.jsonl" for number in (1, 2, 3))
Lines = list[bytes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files: 6, 6 and 5 lines."""
    write(tmp_path, 14)
    assert [len(path.read_bytes().splitlines()) for path in sorted(tmp_path.glob("*.jsonl"))] == [6, 6, 5]
    return tmp_path


def write(folder: Path, events: int, **overrides: Any) -> None:
    with AuditLog(AuditSettings(dir=folder, max_bytes=2030, fsync="never", **overrides), "api") as log:
        for number in range(events):
            log.record(
                request_id=f"{number:02}",
                model="iris",
                version="1",
                input_digest="0" * 32,
                output_digest="1" * 32,
                decision="setosa",
                latency_s=0.5,
            )


def edit(path: Path, change: Callable[[Lines], object]) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))


def problems(folder: Path, key: str = "") -> list[str]:
    return [str(problem) for problem in verify(folder, key).problems]


def resealed(line: bytes) -> bytes:
    body = line.rpartition(b',"hash":"')[0]
    return body + b',"hash":"' + hashlib.sha256(body + b"}").hexdigest().encode() + b'"}\n'


def change(lines: Lines) -> None:
    lines[3] = lines[3].replace(b"setosa", b"virginica")


def change_and_reseal(lines: Lines) -> None:
    change(lines)
    lines[3] = resealed(lines[3])


def drop_two(lines: Lines) -> None:
    del lines[2:4]


def swap(lines: Lines) -> None:
    lines[2], lines[4] = lines[4], lines[2]


def test_a_sound_log_has_no_problem_and_ends_at_its_head(folder: Path) -> None:
    (report,) = verify(folder).writers
    assert report.problems == []
    assert report.head[0] == 17
    assert [file.lines for file in report.files] == [6, 6, 5]


@pytest.mark.parametrize(
    ("name", "tamper", "expected"),
    [
        (ONE, change, [f"{ONE}:4: changed: the hash does not fit the line"]),
        (TWO, change, [f"{TWO}:4: changed: the hash does not fit the line"]),
        (
            TWO,
            change_and_reseal,
            [f"{TWO}:5: replaced: prev is not the hash of the line before"],
        ),
        (ONE, lambda lines: lines.pop(0), [f"{ONE}:1: dropped: seq 1 is missing before this line"]),
        (ONE, drop_two, [f"{ONE}:3: dropped: seq 3 to 4 are missing before this line"]),
        (ONE, lambda lines: lines.pop(), [f"{TWO}:1: dropped: seq 6 is missing before this line"]),
        (THREE, lambda lines: lines.pop(), [f"{THREE}:5: truncated: the head knows seq 17 is missing"]),
        (ONE, lambda lines: lines.insert(3, lines[3]), [f"{ONE}:5: reordered or repeated: seq 4 after 4"]),
        (
            ONE,
            swap,
            [
                f"{ONE}:3: reordered: seq 5 where 3 belongs",
                f"{ONE}:4: reordered or repeated: seq 4 after 5",
                f"{ONE}:5: reordered or repeated: seq 3 after 5",
            ],
        ),
        (ONE, lambda lines: lines.__setitem__(-1, lines[-1][:-10]), [f"{ONE}:6: changed: cut off after"]),
        (ONE, lambda lines: lines.insert(2, b"junk\n"), [f"{ONE}:3: changed: the hash does not fit the line"]),
    ],
)
def test_tampering_is_found_and_its_first_line_named(
    folder: Path, name: str, tamper: Callable[[Lines], object], expected: list[str]
) -> None:
    edit(folder / name, tamper)
    found = problems(folder)
    assert found[0].startswith(expected[0])
    assert found[: len(expected)] == expected or len(expected) == 1


@pytest.mark.parametrize("tamper", [change, drop_two, change_and_reseal])
def test_one_edit_is_one_problem(folder: Path, tamper: Callable[[Lines], object]) -> None:
    edit(folder / TWO, tamper)
    assert len(problems(folder)) == 1


@pytest.mark.parametrize("name", [ONE, TWO])
def test_a_deleted_file_is_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert problems(folder) == [f"{name}: missing"]


def test_a_deleted_last_file_is_a_truncated_log(folder: Path) -> None:
    (folder / THREE).unlink()
    assert problems(folder) == [f"{TWO}:7: truncated: the head knows seq 13 to 17 are missing"]


def test_a_deleted_log_is_found_by_its_head(folder: Path) -> None:
    for path in folder.glob("*.jsonl"):
        path.unlink()
    assert problems(folder) == [f"{ONE}:1: truncated: the head knows seq 1 to 17 are missing"]


def test_a_restart_does_not_hide_a_truncation(folder: Path) -> None:
    edit(folder / THREE, lambda lines: lines.__delitem__(slice(3, 5)))
    write(folder, 1)
    assert problems(folder) == [f"{THREE}:4: dropped: seq 16 to 17 are missing before this line"]


def test_a_head_that_is_missing_changed_or_of_another_log_is_found(folder: Path) -> None:
    head = folder / "api.head"
    line = head.read_bytes()
    head.unlink()
    assert problems(folder) == ["api.head: missing: whether the log was truncated cannot be told"]
    head.write_bytes(line.replace(b":17,", b":16,"))
    assert problems(folder) == ["api.head: changed: the hash does not fit the line"]
    head.write_bytes(resealed(re.sub(rb'"prev":"..', b'"prev":"zz', line)))
    assert problems(folder) == ["api.head: replaced: seq 17 has another hash than the head knows"]
    (folder / "other.head").write_bytes(line)
    assert "other.head: changed: the hash does not fit the line" in problems(folder)


def test_a_restart_after_the_head_was_deleted_is_on_record(folder: Path) -> None:
    (folder / "api.head").unlink()
    write(folder, 1)
    (problem,) = problems(folder)
    assert problem.endswith("head missing when opened here: lines before this one may have been truncated")


def test_a_file_under_another_name_is_misplaced(tmp_path: Path) -> None:
    write(tmp_path, 1)
    (tmp_path / ONE).rename(tmp_path / "web.000001.jsonl")
    (tmp_path / "api.head").unlink()
    assert f"web.000001.jsonl:1: misplaced: this is {ONE}" in problems(tmp_path)


def test_a_chain_computed_anew_is_found_under_a_key_and_by_an_anchor_without(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (report,) = verify(folder).writers
    forged = tmp_path_factory.mktemp("forged")
    write(forged, 14)
    assert problems(forged) == []
    assert main(["verify", str(forged), "--anchor", report.head[1]]) == 1
    assert main(["verify", str(folder), "--anchor", report.head[1]]) == 0
    assert problems(forged, key="secret")[0] == f"{ONE}:1: changed: the hash does not fit the line"


def test_a_keyed_log_verifies_under_its_key_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 14, key=SecretStr("secret"))
    assert problems(tmp_path, key="secret") == []
    assert problems(tmp_path, key="guess")[0] == f"{ONE}:1: changed: the hash does not fit the line"
    edit(tmp_path / TWO, change_and_reseal)
    assert problems(tmp_path, key="secret") == [f"{TWO}:4: changed: the hash does not fit the line"]
    with pytest.raises(AuditSealError, match="sealed with hmac-sha256; verifying it takes AUDIT_KEY"):
        verify(tmp_path)
    monkeypatch.setenv("AUDIT_KEY", "secret")
    assert main(["verify", str(tmp_path)]) == 1


def test_what_is_no_audit_log_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="no audit log in it"):
        verify(tmp_path)
    with pytest.raises(AuditError, match="no such directory"):
        verify(tmp_path / "absent")
    assert main(["verify", str(tmp_path)]) == 2


def test_the_table_shows_each_file_and_the_first_problem(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("sound") == 4  # three files and the list of writers
    assert "api: ends at seq 17, hash " in shown
    assert "every line is intact, none is missing" in shown
    edit(folder / TWO, lambda lines: lines.reverse())
    assert main(["verify", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert "line 1 reordered: seq 12 where 7 belongs" in shown
    assert f"{TWO}:1: reordered: seq 12 where 7 belongs" in shown


def test_many_problems_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (ONE, TWO, THREE):
        edit(folder / name, lambda lines: lines.__setitem__(slice(None), [line[1:] for line in lines]))
    assert main(["verify", str(folder)]) == 1
    assert re.search(r"and \d+ more", capsys.readouterr().out)
