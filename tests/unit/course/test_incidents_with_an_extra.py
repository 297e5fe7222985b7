"""Incidents that need something beside their level: offered where that runs, and nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from course.incidents import read_stories
from course.incidents.__main__ import _choose, main
from course.incidents.watch import level_targets
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

STORIES = read_stories(ROOT / "interview" / "incidents")
WITH_ASSISTANT = {story.id for story in STORIES.values() if story.extra == "assistant"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run folder of a level 3 that is down so far."""
    monkeypatch.delenv("SHOP_RUN_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".run/3").mkdir(parents=True)
    return tmp_path / ".run/3"


def start(folder: Path, **settings: str) -> None:
    started = {"url": "", "metrics": "", "settings": settings, "scrape": {"gateway": [8310], "assistant": [8350]}}
    (folder / "started.json").write_text(json.dumps(started))


def chosen() -> set[str]:
    """What a hundred seeds choose."""
    return {_choose(STORIES, None, seed).id for seed in range(100)}


def test_two_incidents_need_the_assistant() -> None:
    assert {"deaf-ears", "slow-words"} == WITH_ASSISTANT
    assert {STORIES[each].level for each in WITH_ASSISTANT} == {3}


def test_without_a_level_that_is_up_none_of_them_is_chosen(folder: Path) -> None:
    assert folder.exists()
    assert not chosen() & WITH_ASSISTANT


def test_a_level_without_the_assistant_is_broken_in_its_own_ways_only(folder: Path) -> None:
    start(folder)
    assert not chosen() & WITH_ASSISTANT
    assert {STORIES[each].level for each in chosen()} == {3}


def test_a_level_with_the_assistant_is_broken_in_both_ways(folder: Path) -> None:
    start(folder, SHOP_EXTRAS="assistant")
    assert chosen() >= WITH_ASSISTANT
    assert chosen() - WITH_ASSISTANT


def test_what_runs_beside_a_level_is_watched_as_well(folder: Path) -> None:
    start(folder, SHOP_EXTRAS="assistant")
    assert {(each.job, each.instance) for each in level_targets(3)} == {
        ("gateway", "127.0.0.1:8310"),
        ("assistant", "127.0.0.1:8350"),
    }


def test_the_list_says_what_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert "3*: level 3 must run with the assistant: make up-3 WITH=assistant" in listed
    assert listed.count("3* ") == len(WITH_ASSISTANT)
