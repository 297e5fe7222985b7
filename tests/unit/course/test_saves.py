from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from watchfiles import Change

from course.learn.saves import Saves

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    file = tmp_path / "answer.py"
    file.write_text("1")
    return file


def test_what_is_there_at_the_start_is_no_save(work: Path) -> None:
    assert not Saves(work).fresh()


def test_a_save_is_noticed_once(work: Path) -> None:
    saves = Saves(work)
    work.write_text("22")
    assert [saves.fresh(), saves.fresh()] == [True, False]


def test_a_file_that_is_gone_for_a_moment_is_a_save_when_it_is_back(work: Path) -> None:
    saves = Saves(work)
    other = work.with_suffix(".new")
    other.write_text("333")
    work.unlink()
    assert not saves.fresh()
    other.replace(work)
    assert saves.fresh()


def test_a_save_of_the_same_size_is_told_by_its_time(work: Path) -> None:
    saves, stat = Saves(work), work.stat()
    work.write_text("2")
    os.utime(work, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert saves.fresh()


def test_every_file_of_a_folder_counts_and_what_editors_keep_beside_it_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "answer"
    (folder / "base").mkdir(parents=True)
    (folder / "patch.yaml").write_text("1")
    saves = Saves(folder)
    (folder / "base" / "more.yaml").write_text("2")
    assert saves.fresh()
    concerned = saves.concerned
    assert concerned(Change.added, str(folder.resolve() / "patch.yaml"))
    assert not concerned(Change.added, str(folder.resolve() / ".patch.yaml.swp"))
    assert not concerned(Change.added, str(tmp_path.resolve() / "another.py"))
    assert saves.folder == tmp_path.resolve()
