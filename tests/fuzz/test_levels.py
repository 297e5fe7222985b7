"""Whatever is sent to a level, nobody gets a wrong answer, and the level is as it was: ``make fuzz-N``."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.clones import LEVELS, Clone, make_models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clones import Level

pytestmark = pytest.mark.slow

INPUTS = 5_000
"""The first of the 20,000 that `make fuzz-N` sends: almost all the time of a test goes into them."""


@pytest.fixture(params=LEVELS, ids=lambda level: level.package)
def level(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A level that is up, on ports of its own."""
    wanted: Level = request.param
    make_models(wanted)
    clone = Clone(tmp_path_factory.mktemp("fuzz") / "clone", wanted)
    try:
        up = clone.run(f"{wanted.package}.commands.stack", "up", **clone.settings)
        assert up.returncode == 0, up.stdout + up.stderr
        yield clone
    finally:
        clone.run(f"{wanted.package}.commands.stack", "down")
        shutil.rmtree(clone.home, ignore_errors=True)  # a level's logs of so many requests, and its models


def test_no_input_makes_a_level_fail_and_no_caller_gets_anothers_answer(level: Clone) -> None:
    done = level.run(f"{level.level.package}.commands.fuzz", "--inputs", str(INPUTS), "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((level.home / f".run/fuzz/{level.level.number}.json").read_bytes())
    assert (found["inputs"], found["lost"], found["faults"], found["ailments"]) == (INPUTS, 0, [], [])
    assert found["right"] > INPUTS / 20
