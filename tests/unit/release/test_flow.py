"""The flow: each step once, on what it declared to need; a flow that was killed goes on, one that failed stops."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from release.cli import main
from release.flow import Flow, alone
from release.journal import Entry
from release.runs import begin, end
from release.step import Place, Step, StepError, Verdict
from servekit.artefact_folder import ArtefactError

if TYPE_CHECKING:
    from pathlib import Path


class Parameters(msgspec.Struct, frozen=True):
    model: str = "toy"
    words: int = 2


class Work:
    """A step that counts its calls, writes a file of what it needs, and ends as it is told."""

    def __init__(self, name: str, *needs: str, result: str = "passed") -> None:
        self.name, self.needs, self.result, self.calls = name, needs, result, 0

    def __call__(self, place: Place) -> Verdict:
        self.calls += 1
        assert list(place.own.iterdir()) == []
        read = [(place.of(name) / "out.txt").read_text() for name in self.needs]
        (place.own / "out.txt").write_text(f"{self.name} {place.parameters.words} ({' '.join(read)})")
        return Verdict(self.result, f"{self.name} did it", {"by": self.name})  # type: ignore[arg-type]

    @property
    def step(self) -> Step:
        return Step(self.name, self, self.needs, ending=f"ended by {self.name}")


@pytest.fixture
def works() -> list[Work]:
    return [Work("train"), Work("gate", "train"), Work("promote", "train", "gate")]


def flow(works: list[Work], home: Path, said: list[str] | None = None, parameters: Parameters | None = None) -> Flow:
    said = [] if said is None else said
    return Flow([work.step for work in works], parameters or Parameters(), home, said.append)


def test_every_step_sees_what_it_needs_and_leaves_its_verdict(works: list[Work], tmp_path: Path) -> None:
    said: list[str] = []
    outcome = flow(works, tmp_path, said).run()
    assert outcome.ending == "promoted"
    assert (tmp_path / "promote" / "out.txt").read_text() == "promote 2 (train 2 () gate 2 (train 2 ()))"
    assert [line.partition(" (")[0] for line in said] == [
        "train     train did it", "gate      gate did it", "promote   promote did it"
    ]  # fmt: skip
    entry = msgspec.json.decode((tmp_path / "gate.json").read_bytes(), type=Entry)
    assert entry == outcome.entries["gate"]
    assert list(entry.outputs) == ["out.txt"]
    assert entry.verdict.figures == {"by": "gate"}


def test_a_step_that_was_done_is_not_done_again(works: list[Work], tmp_path: Path) -> None:
    said: list[str] = []
    flow(works, tmp_path).run()
    assert flow(works, tmp_path, said).run().ending == "promoted"
    assert [work.calls for work in works] == [1, 1, 1]
    assert all(line.endswith("(done before)") for line in said)


def test_a_step_that_was_killed_is_done_anew_and_none_before_it(works: list[Work], tmp_path: Path) -> None:
    def killed(place: Place) -> Verdict:
        (place.own / "half.txt").write_text("ha")
        raise KeyboardInterrupt

    steps = [work.step for work in works]
    with pytest.raises(KeyboardInterrupt):
        Flow([steps[0], steps[1]._replace(work=killed), steps[2]], Parameters(), tmp_path, lambda _: None).run()
    assert flow(works, tmp_path).run().ending == "promoted"
    assert [work.calls for work in works] == [1, 1, 1]
    assert not (tmp_path / "gate" / "half.txt").exists()


@pytest.mark.parametrize("damage", ["changed", "gone", "added"])
def test_what_a_step_left_is_trusted_by_its_digest_alone(works: list[Work], tmp_path: Path, damage: str) -> None:
    flow(works, tmp_path).run()
    path = tmp_path / "train" / "out.txt"
    if damage == "gone":
        path.unlink()
    else:
        path.with_name("out.txt" if damage == "changed" else "more.txt").write_text("other")
    assert flow(works, tmp_path).run().ending == "promoted"
    assert [work.calls for work in works] == [2, 1, 1], "it left the same again, so the others need not be done"


def test_other_parameters_are_other_inputs(works: list[Work], tmp_path: Path) -> None:
    flow(works, tmp_path).run()
    flow(works, tmp_path, parameters=Parameters(words=3)).run()
    assert [work.calls for work in works] == [2, 2, 2]


def test_a_step_that_fails_ends_the_flow_with_its_report(works: list[Work], tmp_path: Path) -> None:
    works[1].result = "failed"
    outcome = flow(works, tmp_path).run()
    assert outcome.ending == "ended by gate"
    assert works[2].calls == 0
    assert flow(works, tmp_path).run() == outcome, "a verdict stands"
    assert works[1].calls == 1


def test_a_step_without_a_verdict_is_done_again(works: list[Work], tmp_path: Path) -> None:
    works[1].result = "undecided"
    assert flow(works, tmp_path).run().ending == "undecided"
    works[1].result = "passed"
    assert flow(works, tmp_path).run().ending == "promoted"
    assert [work.calls for work in works] == [1, 2, 1]


def test_a_step_reads_nothing_that_it_did_not_declare(works: list[Work], tmp_path: Path) -> None:
    def curious(place: Place) -> Verdict:
        return Verdict("passed", str(place.of("train")))

    steps = [works[0].step, Step("gate", curious)]
    with pytest.raises(KeyError, match="train"):
        Flow(steps, Parameters(), tmp_path, lambda _: None).run()


def test_an_engine_calls_the_steps_one_by_one(works: list[Work], tmp_path: Path) -> None:
    for name in ("train", "gate", "promote"):
        assert flow(works, tmp_path).run_one(name).step == name
    assert flow(works, tmp_path).so_far().ending == "promoted"
    assert [work.calls for work in works] == [1, 1, 1]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("passed", "step promote: gate comes before it and is not done: run that first"),
        ("failed", "step promote: gate comes before it and is failed: run that first"),
    ],
)
def test_an_engine_cannot_leave_a_step_out(works: list[Work], tmp_path: Path, result: str, said: str) -> None:
    flow(works, tmp_path).run_one("train")
    if result == "failed":
        works[1].result = "failed"
        flow(works, tmp_path).run_one("gate")
    with pytest.raises(StepError, match=said):
        flow(works, tmp_path).run_one("promote")
    assert works[2].calls == 0


def test_a_step_that_no_plan_has_is_named_with_those_that_it_has(works: list[Work], tmp_path: Path) -> None:
    flow(works, tmp_path).run()
    with pytest.raises(StepError, match=r"step deploy: expected one of train, gate, promote"):
        flow(works, tmp_path).run_one("deploy")


def test_two_releases_of_a_level_do_not_run_at_once(tmp_path: Path) -> None:
    again = alone(tmp_path / "1")
    with (
        alone(tmp_path / "1"),
        alone(tmp_path / "2"),
        pytest.raises(StepError, match="another release of this level is running"),
    ):
        again.__enter__()
    with alone(tmp_path / "1"):
        pass


def test_a_release_that_did_not_end_goes_on_with_the_same_parameters(tmp_path: Path) -> None:
    first, again = begin(tmp_path, Parameters())
    assert (first.name, again) == ("0001", False)
    assert begin(tmp_path, Parameters()) == (first, True)
    other, again = begin(tmp_path, Parameters(words=5))
    assert (other.name, again) == ("0002", False)
    end(other, "promoted")
    assert json.loads((other / "ended.json").read_bytes()) == {"ending": "promoted"}
    assert begin(tmp_path, Parameters(words=5))[0].name == "0003"


def test_a_disk_that_is_full_is_an_error_with_a_remedy(works: list[Work], tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(StepError, match="free some space, then release again"):
        flow(works, tmp_path / "home").run()
    with pytest.raises(StepError, match="free some space, then release again"):
        begin(tmp_path / "home", Parameters())


@pytest.mark.parametrize(
    ("trouble", "own"),
    [(ArtefactError("model.onnx: damaged"), ()), (OSError("disk full"), ()), (ValueError("no rows"), (ValueError,))],
)
def test_what_keeps_a_step_from_its_work_is_one_sentence_that_names_the_step(
    works: list[Work], tmp_path: Path, trouble: Exception, own: tuple[type[Exception], ...]
) -> None:
    def fails(_: Place) -> Verdict:
        raise trouble

    steps = [works[0].step, works[1].step._replace(work=fails, troubles=own)]
    with pytest.raises(StepError, match=f"^step gate: {trouble}$"):
        Flow(steps, Parameters(), tmp_path, lambda _: None).run()
    assert flow(works, tmp_path).run().ending == "promoted", "it goes on from there"
    assert works[0].calls == 1


@pytest.mark.parametrize("words", [["--run", "somewhere"], ["--step", "train"]])
def test_a_step_without_its_release_or_a_release_without_a_step_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["1", *words])
    assert "--run and --step belong together" in capsys.readouterr().err
