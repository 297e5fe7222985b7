from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from servekit.json_file import indented, write_json
from servekit.whole_file import OWNER_ALONE, write_whole

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Figures:
    name: str
    values: tuple[float, ...]


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "state.json"
    for content in (b"old", b"new"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_that_holds_the_old_file_still_reads_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_whole(path, b"old")
    with path.open("rb") as held:
        write_whole(path, b"new and longer")
        assert held.read() == b"old"


@pytest.mark.parametrize(("mode", "expected"), [(OWNER_ALONE, 0o600), (0o666, 0o640)])
def test_who_may_read_it_is_the_mode_s_and_the_umask_s_decision(tmp_path: Path, mode: int, expected: int) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "file", b"", mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == expected


def test_what_could_not_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    write_whole(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_json_is_indented_for_people_and_takes_what_msgspec_takes(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    write_json(path, Figures("größe", (1.5, 2.0)))
    assert path.read_text(encoding="utf-8") == '{\n  "name": "größe",\n  "values": [\n    1.5,\n    2.0\n  ]\n}\n'
    assert json.loads(indented({"a": None})) == {"a": None}
