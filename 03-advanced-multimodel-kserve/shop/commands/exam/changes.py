"""How level 3 takes new versions: past a gate, with a share of the traffic, and back when they are worse."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import onnx
from onnx import helper

from course.exam import NotJudgedError, demand
from shop.artefact import Artefact, write_artefact
from shop.canary.edge import Edge
from shop.canary.edge_split import EdgeSplit
from shop.commands.exam.questions import Questions, model_answer
from shop.endpoints import SEARCH
from shop.optimize.gate import ALLOWED_LOSS, MARGIN
from shop.serving.control import Control, ControlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from course.exam import Examined
    from shop.addresses import Addresses

__all__ = ["BAD", "ROLLOUT", "gate", "roll_back", "shift"]

ROLLOUT: Final = (
    "shop.commands.canary", SEARCH.model, "--auto", "--traffic", "60", "--steps", "20,100", "--min-requests", "60",
    "--step-seconds", "30", "--margin", "0.5", "--error-margin", "0.1", "--patience", "1",
)  # fmt: skip
"""The roll-out that has to find the bad version; its margins are so wide that seconds suffice."""

BAD: Final = 909
"""The number of the version that is made for the exam, and removed after it: it ranks the worst item first."""

_ROLLED_BACK: Final = 1
_HALF, _ASKED, _LEAST = 50, 80, 20
_WITHIN_S: Final = 90


def gate(examined: Examined) -> str:
    """Every version beside the first that Triton serves was let through by the gate, and by its own figures."""
    addresses: Addresses = examined.facts["addresses"]
    try:
        report = msgspec.json.decode((addresses.run_dir / "optimize.json").read_bytes())["models"]
    except FileNotFoundError:
        raise NotJudgedError("no optimize.json: make optimize-3 writes it") from None
    served = [each for each in Control(addresses).states() if each.state == "READY" and each.version == "2"]
    for each in served:
        verdict = report.get(each.name, {}).get("gate", {})
        demand(verdict.get("passed") is True, f"version 2 of {each.name} is served, and the gate refused it")
        problem = _beyond(verdict)
        demand(not problem, f"version 2 of {each.name} passed the gate, but {problem}")
    names = ", ".join(sorted(each.name for each in served)) or "none"
    return f"{len(served)} optimised versions are served ({names}), each past the gate by its own figures"


def _beyond(verdict: dict[str, Any]) -> str:
    for name, loss in verdict["losses"].items():
        if not loss["at_most"] <= ALLOWED_LOSS * loss["before"]:
            return f"it may lose {loss['at_most']:.4f} of {name}: allowed is {ALLOWED_LOSS * loss['before']:.4f}"
    faster = verdict["speed_up"]["low"]
    return "" if faster >= MARGIN else f"it is {faster:.2f} times as fast, expected {MARGIN}"


def shift(examined: Examined) -> str:
    """Half of the searches go to the candidate from the next request on, and none after the way back."""
    traffic = _split(examined)
    with _as_before(examined):
        traffic.shift(_HALF)
        half = _versions(examined, "half")
        traffic.shift(0)
        none = _versions(examined, "none")
    candidate = traffic.split.candidate
    shown = ", ".join(f"version {version} {count}" for version, count in sorted(half.items()))
    demand(min(half[candidate], half[traffic.split.stable]) >= _LEAST, f"at {_HALF} % of {_ASKED} searches: {shown}")
    demand(none[candidate] == 0, f"back at 0 %, {none[candidate]} of {_ASKED} searches still go to version {candidate}")
    return f"at {_HALF} %: {shown}; back at 0 %: all by version {traffic.split.stable}"


def roll_back(examined: Examined) -> str:
    """A version that ranks the worst item first gets a share of the traffic: the roll-out must take it back."""
    stable = _split(examined).split.stable
    with _as_before(examined), _bad_version(examined.facts["addresses"], stable):
        module, *words = examined.facts["rollout"]
        done = subprocess.run(
            [sys.executable, "-m", module, *words, "--candidate", str(BAD)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_WITHIN_S,
        )  # fmt: skip
        weight = _edge(examined).weight(SEARCH.model)
    last = (done.stdout + done.stderr).strip().splitlines()[-2:]
    demand(weight == 0, f"a version that ranks the worst first has {weight} % of the traffic after the roll-out")
    demand(done.returncode == _ROLLED_BACK, f"the roll-out ends with {done.returncode}: {' '.join(last)}")
    reason = next((line for line in done.stdout.splitlines() if "rolled back" in line), "rolled back")
    return f"a version that ranks the worst first was taken back: {' '.join(reason.split())}"


def _split(examined: Examined) -> EdgeSplit:
    traffic = EdgeSplit(examined.facts["addresses"], _edge(examined), SEARCH.model)
    if traffic.split.weight:
        raise NotJudgedError(f"a canary of {SEARCH.model} is under way, with {traffic.split.weight} % of the traffic")
    return traffic


@contextmanager
def _as_before(examined: Examined) -> Iterator[None]:
    """Afterwards the same two versions share the traffic as before, all of it with the stable one."""
    stable, candidate, _ = msgspec.structs.astuple(_split(examined).split)
    try:
        yield
    finally:
        traffic = EdgeSplit(examined.facts["addresses"], _edge(examined), SEARCH.model)
        if traffic.split.stable != stable:  # the version that is none of them was promoted
            traffic.shift(100)
            traffic.promote()
        traffic.shift(0)
        traffic.nominate(candidate)


def _edge(examined: Examined) -> Edge:
    return Edge(examined.facts["addresses"].envoy_admin_port)


def _versions(examined: Examined, purpose: str) -> Counter[str]:
    questions = Questions(examined.facts["addresses"], examined.draw(purpose))
    answers = (model_answer(examined, questions.search()) for _ in range(_ASKED))
    return Counter(answer.headers.get("x-model-version", "unknown") for answer in answers)


@contextmanager
def _bad_version(addresses: Addresses, stable: str) -> Iterator[None]:
    """Has Triton serve the stable version turned upside down, for as long as the block runs."""
    model, control = SEARCH.model, Control(addresses)
    folder, source = addresses.models_dir / model / str(BAD), Artefact.of(addresses.models_dir, model, stable)
    try:
        write_artefact(folder, _upside_down(source.onnx()), replace(source.card(), version=str(BAD), files={}))
        control.add(model, BAD)
        yield
    finally:
        with suppress(ControlError):
            control.remove(model, BAD)
        shutil.rmtree(folder, ignore_errors=True)


def _upside_down(graph: bytes) -> bytes:
    """The model with each score negated."""
    model = onnx.load_from_string(graph)
    scores = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = [f"{scores}_right" if name == scores else name for name in node.output]
        node.input[:] = [f"{scores}_right" if name == scores else name for name in node.input]
    model.graph.node.append(helper.make_node("Neg", [f"{scores}_right"], [scores]))
    turned: bytes = model.SerializeToString()
    return turned
