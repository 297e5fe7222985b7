"""The fuzzer finds what was planted, and nothing where nothing was."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.patience import GENEROUS_S
from tests.tcp_server import port_of, tcp_server
from tests.unit.workbench.planted import HANGS_S, UNHURRIED_S, carry_on, planted, surface
from workbench.fuzz import main
from workbench.fuzz.campaign import Campaign, Tally, play
from workbench.fuzz.cases import make_case
from workbench.fuzz.health import Usage, ailments
from workbench.fuzz.shrink import shrink
from workbench.fuzz.surface import Case

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = 300
NOBODY = "http://127.0.0.1:1"


def run(url: str, deadline_s: float = GENEROUS_S) -> Tally:
    return asyncio.run(Campaign(surface(url, deadline_s), seed=1).run(range(INPUTS)))


def test_the_same_seed_makes_the_same_inputs_of_every_kind() -> None:
    cases = [make_case(surface(NOBODY), 1, number) for number in range(2000)]
    assert cases[:50] == [make_case(surface(NOBODY), 1, number) for number in range(50)]
    assert cases[:50] != [make_case(surface(NOBODY), 2, number) for number in range(50)]
    assert {case.kind for case in cases} == {
        "JSON", "bytes", "encoding", "request line", "headers", "ambiguous length", "chunks", "broken chunks",
        "wrong length", "pipelined", "drip", "leaves", "oversize", "half and waits",
    }  # fmt: skip


def test_a_server_that_behaves_has_no_fault() -> None:
    with planted(receive_timeout_s=UNHURRIED_S) as url:
        tally = run(url)
    assert tally.found == []
    assert (tally.inputs.total(), tally.lost) == (INPUTS, 0)
    assert tally.right > 0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("fails", "status 500"), ("hangs", "hang"), ("mixes up", "another's answer"), ("repeats NaN", "not JSON")],
)
def test_a_planted_fault_is_found(fault: str, expected: str) -> None:
    with planted(fault) as url:
        tally = run(url, HANGS_S)
    assert expected in {found.fault.what.removesuffix(" behind it") for found in tally.found}


def test_a_right_request_with_another_ones_answer_is_lost() -> None:
    with planted("mixes up") as url:
        tally = run(url)
    assert tally.lost > 0


@pytest.mark.slow
def test_a_rest_taken_for_a_request_is_found() -> None:
    async def main() -> set[str]:
        async with tcp_server(carry_on) as server:
            level = surface(f"http://127.0.0.1:{port_of(server)}")
            cases = {number: make_case(level, 1, number) for number in range(INPUTS)}
            ambiguous = {number: case for number, case in cases.items() if case.kind == "ambiguous length"}
            found = [await play(level, case, level.urls[0], number) for number, case in ambiguous.items()]
            return {fault.what for _, fault in found if fault}

    assert "too many answers" in asyncio.run(main())


def test_a_5xx_that_is_stated_is_none() -> None:
    case = Case("JSON", [b"POST /double HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nnull"], "/double")
    with planted("fails") as url:
        stated = surface(url)
        object.__setattr__(stated, "stated", {"/double": {500: "planted"}})
        for each, expected in ((surface(url), "status 500"), (stated, None)):
            statuses, fault = asyncio.run(play(each, case, url, 1))
            assert (statuses, fault and fault.what) == ([500], expected)


def test_the_bytes_kept_are_the_smallest_that_still_fail() -> None:
    with planted("fails") as url:
        campaign = Campaign(surface(url), seed=1)
        found = next(each for each in asyncio.run(campaign.run(range(INPUTS))).found if each.kind == "JSON")
        shrunk = asyncio.run(shrink(surface(url), campaign.case(found.number)[0], found))
    assert len(shrunk) < len(found.sent) / 2
    assert b"null" in shrunk


@pytest.mark.slow
def test_the_command_says_what_was_found_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with planted(receive_timeout_s=UNHURRIED_S) as url:
        assert main(surface(url), ["--inputs", "60", "--out", str(tmp_path)]) == 0
    assert "60 inputs in" in capsys.readouterr().out
    with planted("fails") as url:
        assert main(surface(url), ["--inputs", "120", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    written = json.loads((tmp_path / "9.json").read_bytes())
    first = written["faults"][0]["input"]
    assert f'again: make fuzz-9 ARGS="--seed 1 --only {first}"' in said
    assert b"null" in (tmp_path / f"9-{first}.bin").read_bytes()
    assert written["hardware"]["cores"] > 0


def test_a_process_that_is_gone_or_keeps_what_it_took_ails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.fuzz.health._SETTLES_WITHIN_S", 0)
    before = {1: Usage("a", 10, 100), 2: Usage("b", 10, 100), 3: Usage("c", 10, 100), 4: Usage("d", 10, 100)}
    after = {2: Usage("b", 500, 100), 3: Usage("c", 10, 900), 4: Usage("d", 12, 110)}
    monkeypatch.setattr("workbench.fuzz.health.usage", lambda _: after)
    with planted() as url:
        found, _ = ailments(surface(url), before)
    assert found == [
        "process 1 (a) is gone", "process 2 (b): 500 descriptors, 10 before", "process 3 (c): 900 MiB, 100 before",
    ]  # fmt: skip
