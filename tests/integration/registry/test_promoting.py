"""A promotion moves the alias, the level and the audit log together, or none of them."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

import pytest

from tests.artefacts import decisions, new_artefact
from workbench.registry import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    RegistryError,
    UnknownVersionError,
    commands,
    note,
    promote,
    read_models,
    register,
    rollback,
)
from workbench.registry.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.registry import ModelVersion, Move, RegistrySettings


@pytest.fixture
def two(registry: RegistrySettings, tmp_path: Path) -> RegistrySettings:
    """A registry with a champion, 1, and a challenger, 2."""
    for number in (1, 2):
        artefact = new_artefact(tmp_path / f"trained-{number}", graph=f"graph {number}".encode())
        register([artefact], settings=registry)
    return registry


def aliases(registry: RegistrySettings) -> dict[str, int]:
    return read_models(registry)["iris"].aliases


def test_the_level_the_alias_and_the_log_say_the_same(two: RegistrySettings) -> None:
    reached: list[Move] = []
    move = promote("iris", 2, "it is better", {"log_loss": 0.1}, reach=reached.append, settings=two)
    assert reached == [move]
    assert move.before
    assert (move.before.number, move.after.number) == (1, 2)
    assert aliases(two) == {CHAMPION: 2, PREVIOUS: 1}
    (decision,) = decisions(two)
    assert decision.startswith("champion from version 1 to version 2: it is better (by ")
    (evidence,) = (two.artefacts / "decisions").iterdir()
    assert json.loads(evidence.read_bytes())["figures"] == {"log_loss": 0.1}


def test_a_version_that_the_level_refuses_is_not_promoted(two: RegistrySettings) -> None:
    def refuses(_: Move) -> None:
        raise RegistryError("level 1: not replaced")

    with pytest.raises(RegistryError, match="level 1: not replaced"):
        promote("iris", 2, "it is better", reach=refuses, settings=two)
    assert aliases(two) == {CHAMPION: 1, CHALLENGER: 2}


def test_an_alias_that_cannot_be_moved_takes_the_level_back(
    two: RegistrySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise RegistryError("registry: away")

    reached: list[Move] = []
    monkeypatch.setattr(Store, "point", away)
    with pytest.raises(RegistryError, match="registry: away"):
        promote("iris", 2, "it is better", reach=reached.append, settings=two)
    assert [move.after.number for move in reached] == [2, 1]
    assert decisions(two)[-1].startswith("champion stays as it was: registry: away")
    assert aliases(two) == {CHAMPION: 1, CHALLENGER: 2}


def test_what_cannot_be_audited_is_not_promoted(two: RegistrySettings) -> None:
    reached: list[Move] = []
    (two.artefacts / "audit").write_text("a file where the folder should be")
    with pytest.raises(RegistryError, match="audit log"):
        promote("iris", 2, "it is better", reach=reached.append, settings=two)
    assert reached == []
    assert aliases(two) == {CHAMPION: 1, CHALLENGER: 2}


@pytest.mark.parametrize("damage", ["replaced", "half written"])
def test_an_artefact_that_is_not_whole_is_not_promoted(two: RegistrySettings, damage: str) -> None:
    folder = read_models(two)["iris"].version(2).folder
    if damage == "replaced":
        (folder / "model.onnx").write_bytes(b"another graph")
    else:
        (folder / "model.json").unlink()
    with pytest.raises(RegistryError, match=r"artefact of iris 2"):
        promote("iris", 2, "it is better", settings=two)
    assert aliases(two) == {CHAMPION: 1, CHALLENGER: 2}


@pytest.mark.parametrize(("model", "number", "said"), [("rose", 1, "model rose"), ("iris", 9, "version 9 of iris")])
def test_an_unknown_model_or_version_is_named(two: RegistrySettings, model: str, number: int, said: str) -> None:
    with pytest.raises(UnknownVersionError, match=said):
        promote(model, number, "it is better", settings=two)


def test_two_promotions_at_once_follow_one_another(two: RegistrySettings) -> None:
    moves: list[Move] = []
    threads = [
        threading.Thread(target=promote, args=("iris", number, "both"), kwargs={"reach": moves.append, "settings": two})
        for number in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = moves
    assert second.before == first.after or second.before.number == first.after.number  # type: ignore[union-attr]
    assert aliases(two)[CHAMPION] == second.after.number
    assert len(decisions(two)) == 2


def test_a_rollback_goes_back_once(two: RegistrySettings) -> None:
    with pytest.raises(UnknownVersionError, match="model iris: no version is known to have been champion before"):
        rollback("iris", "none", settings=two)
    reached: list[Move] = []
    promote("iris", 2, "it is better", reach=reached.append, settings=two)
    rollback("iris", "complaints", reach=reached.append, settings=two)
    assert [move.after.number for move in reached] == [2, 1]
    assert aliases(two) == {CHAMPION: 1}
    assert decisions(two)[-1].startswith("champion from version 2 to version 1: rolled back: complaints (by ")


def test_an_interrupted_promotion_takes_the_level_back(two: RegistrySettings) -> None:
    reached: list[Move] = []

    def interrupted(move: Move) -> None:
        reached.append(move)
        if len(reached) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        promote("iris", 2, "it is better", reach=interrupted, settings=two)
    assert [move.after.number for move in reached] == [2, 1]
    assert aliases(two) == {CHAMPION: 1, CHALLENGER: 2}
    assert decisions(two)[-1].startswith("champion stays as it was: KeyboardInterrupt")


class Level:
    """A level that writes down what it is told to serve."""

    number = 1
    models: tuple[str, ...] = ("iris",)

    def __init__(self) -> None:
        self.served: list[int] = []

    def serve(self, version: ModelVersion) -> str:
        self.served.append(version.number)
        return "served"


def test_the_commands_have_the_level_follow_and_heed_the_gate(
    two: RegistrySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", two.tracking_uri)
    monkeypatch.setenv("REGISTRY_ARTEFACTS", str(two.artefacts))
    refused = new_artefact(tmp_path / "slow", b"slow", metrics={"gate": {"passed": False, "reasons": ["too slow"]}})
    register([refused], settings=two)
    level = Level()

    def run(*words: str) -> tuple[int, str]:
        code = commands.main(lambda: level, list, words)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    assert run("promote", "iris", "2", "--why=better") == (0, "iris: champion 1 -> 2: served\n")
    assert run("rollback", "iris") == (0, "iris: champion 2 -> 1: served\n")
    told = "error: iris 3: its gate refused it: too slow: ARGS=--force promotes it all the same\n"
    assert run("promote", "iris", "3") == (1, told)
    assert run("promote", "rose", "1") == (1, "error: model rose: expected one of level 1: iris\n")
    assert run("promote", "iris", "9") == (1, "error: version 9 of iris: expected one of 1, 2, 3: make registry\n")
    assert level.served == [2, 1]
    assert run("promote", "iris", "3", "--force") == (0, "iris: champion 1 -> 3: served\n")
    assert "better (by " in decisions(two)[0]


def test_an_account_without_a_name_is_noted_by_its_number(
    registry: RegistrySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RELEASE_BY", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    note(registry, "iris", "1", "tried", {})
    assert decisions(registry)[0].startswith("tried (by uid 4000000@")
