"""Level 2's exam: the reference gets 100 points, and each planted defect loses its own criterion and no other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from recommender.commands.exam.__main__ import EXAM, here
from recommender.commands.operator import write
from recommender.commands.processes import GRAPH, placed, render, stack_of
from recommender.settings import RecommenderSettings
from tests.exam_taking import ENVIRONMENT, KILLS, as_it_is, full_marks, lost, running, slow_now_and_then, started
from tests.faulty_proxy import Asked, Replied, faulty, forgets_the_trace, in_its_own_words
from tests.ports import free_block
from workbench.stack import Process, Stack, down
from workbench.terminal import make_console
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from course.exam import Examined

pytestmark = [pytest.mark.slow, pytest.mark.alone]

PATH = "/api/v1.0/predictions"
QUICK = ("correctness", "rules", "cold-start", "graph", "bad-input", "stock", "metrics", "traces", "logs")
"""What takes a second or less, and stops nothing."""

PORTS = ("", "VALKEY_", "PREPROCESSOR_", "MODEL_", "SECOND_MODEL_", "POSTPROCESSOR_")


@pytest.fixture(scope="module", autouse=True)
def place(recommender_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder of its own, with the trained models' address, and ports."""
    with pytest.MonkeyPatch.context() as patch:
        first = free_block(3 * len(PORTS))
        for number, name in enumerate(PORTS):
            patch.setenv(f"RECOMMENDER_{name}PORT", str(first + 3 * number))
        patch.setenv("RECOMMENDER_MODELS_DIR", str(recommender_models))
        for variable, value in ENVIRONMENT.items():
            patch.setenv(variable, value)
        folder = tmp_path_factory.mktemp("exam")
        (folder / ".venvs").symlink_to(ROOT / ".venvs")
        patch.chdir(folder)
        yield
        down(prepared(), make_console())


def prepared(change: Callable[[Process], Process] = as_it_is) -> Stack:
    """The level as ``up`` would start it, with changed processes."""
    settings = RecommenderSettings()
    deployment = placed(render(settings), settings)
    (Path(".run/2/inventory")).mkdir(parents=True, exist_ok=True)
    whole = stack_of(deployment, settings)
    write(deployment, GRAPH)
    return replace(whole, processes=[change(each) for each in whole.processes])


@pytest.fixture
def level(place: None) -> Examined:
    """The level without a defect; it stays up from one test to the next, unless one in between had a defect."""
    del place
    return started(prepared(), here)


def test_the_reference_gets_every_point(
    level: Examined, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert level.url
    full_marks(EXAM, Path(".run/exam"), monkeypatch, capsys)


def changed(replied: Replied, change: Callable[[Any], None]) -> Replied:
    """A good answer to a prediction, with its document changed."""
    if replied.status != 200 or b"jsonData" not in replied.body or b'"items"' not in replied.body:
        return replied
    document = json.loads(replied.body)
    if "meta" not in document:
        return replied
    change(document)
    return replied._replace(body=json.dumps(document).encode())


def in_other_units(_: Asked, replied: Replied) -> Replied:
    """Gives scores as percentages, as after a change of units on one side alone."""

    def change(document: Any) -> None:
        for item in document["jsonData"]["items"]:
            item["score"] *= 100

    return changed(replied, change)


def worst_first(asked: Asked, replied: Replied) -> Replied:
    """Turns around a list that was asked for by genre."""
    return changed(replied, lambda it: it["jsonData"]["items"].reverse() if b"genre" in asked.body else None)


def knows_everybody(_: Asked, replied: Replied) -> Replied:
    """Never says that somebody is a stranger."""
    return changed(replied, lambda it: it["meta"]["tags"].update(cold_start=False))


def without_path(_: Asked, replied: Replied) -> Replied:
    """Loses the names of the steps, as a step does that makes its own meta."""
    return changed(replied, lambda it: it["meta"].update(requestPath={}))


def without_steps(asked: Asked, replied: Replied) -> Replied:
    """Has no duration of the steps among the metrics."""
    if asked.path != "/metrics":
        return replied
    lines = replied.body.splitlines(keepends=True)
    return replied._replace(body=b"".join(each for each in lines if b'step="model"' not in each))


def remembering() -> Callable[[Asked, Replied], Replied]:
    """A cache in front that knows nothing of stock: the first answer to a user who asks for five is kept."""
    kept: dict[bytes, Replied] = {}

    def reply(asked: Asked, replied: Replied) -> Replied:
        known = asked.path == PATH and replied.status == 200 and b'"k":5' in asked.body and b'"user"' in asked.body
        return kept.setdefault(asked.body, replied) if known and b'"user":1,' not in asked.body else replied

    return reply


@pytest.mark.parametrize(
    ("criterion", "fault", "seen"),
    [
        ("correctness", {"reply": in_other_units}, "of 40 answers are wrong"),
        ("rules", {"reply": worst_first}, "the best does not come first"),
        ("cold-start", {"reply": knows_everybody}, "a stranger's answer is tagged"),
        ("graph", {"reply": without_path}, "requestPath lacks preprocessor, model, postprocessor"),
        ("bad-input", {"reply": in_its_own_words}, "1 of 19 wrong requests: no body: 400 without a reason in JSON"),
        ("stock", {"reply": remembering()}, "is sold out, and still recommended"),
        ("metrics", {"reply": without_steps}, "no metric serving_step_duration_seconds_count{step=model}"),
        ("traces", {"ask": forgets_the_trace}, "the traceparent is lost"),
    ],
)
def test_a_hop_with_a_defect_loses_one_criterion(
    level: Examined, criterion: str, fault: dict[str, Any], seen: str
) -> None:
    with faulty(level.url, **fault) as url:
        found = lost(EXAM, replace(level, url=url, metrics=(f"{url}/metrics",)), QUICK)
    assert list(found) == [criterion], found
    assert seen in found[criterion]


def test_a_slow_hop_loses_the_sla(level: Examined) -> None:
    with faulty(level.url, ask=slow_now_and_then(0.25, every=10)) as url:
        found = lost(EXAM, replace(level, url=url), ["sla", "rules"])
    assert list(found) == ["sla"], found
    assert "p99_ms" in found["sla"]


def test_logs_that_go_nowhere_a_killing_wrapper_and_a_step_that_stays_away_each_lose_their_own() -> None:
    Path("wrapper.py").write_text(KILLS)
    commands = {
        "router": ["sh", "-c", 'exec "$0" "$@" >/dev/null', ".venvs/main/bin/python", "wrapper.py"],
        "model": ["sh", "-c", 'test -e once && exit 1; touch once; exec "$0" "$@"'],
    }

    def change(process: Process) -> Process:
        return replace(process, command=[*commands.get(process.name, []), *process.command])

    with running(prepared(change), here, patience_s=4.0, written_s=3.0) as examined:
        found = lost(EXAM, examined, (*QUICK, "drain", "step-failure"))
    assert list(found) == ["logs", "drain", "step-failure"], found
    assert "no JSON line with trace.id" in found["logs"]
    assert "connections lost a request when router was stopped" in found["drain"]
    assert found["step-failure"].startswith("model killed: ")  # an answer may still have come right after the kill
