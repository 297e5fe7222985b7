"""Two clones of the repository side by side: each verb is about the level of its own clone, proxies or not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.clones import LEVELS, Clone, Level, make_models

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=LEVELS, ids=lambda level: level.package)
def clones(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clone, Clone]]:
    """Ours and theirs, each up on ports of its own."""
    level: Level = request.param
    make_models(level)
    here = tmp_path_factory.mktemp("two clones")
    ours, theirs = Clone(here / "ours", level), Clone(here / "theirs", level)
    try:
        for clone in (ours, theirs):
            up = clone.run(f"{level.package}.commands.stack", "up", **clone.settings)
            assert up.returncode == 0, up.stdout + up.stderr
        yield ours, theirs
    finally:
        for clone in (ours, theirs):
            clone.run(f"{level.package}.commands.stack", "down")


VERBS = {
    1: ["client", "conformance", "sla", "capacity", "drift", "status", "logs"],
    2: ["client", "sla", "overhead", "stock", "status", "logs"],
    3: ["client", "conformance", "sla", "canary", "status", "logs"],
}


def words(level: Level, verb: str) -> list[str]:
    """The command behind a verb, as the Makefile has it, in a short form."""
    sla = f"{level.folder}/sla.toml"
    commands = {
        "sla": ["workbench.sla", sla, "--duration", "1", "--rate", "20"],
        "capacity": ["workbench.sla", "capacity", "capacity.toml"],
        "drift": ["servekit.drift", str(level.number)],
        "stock": ["recommender.commands.stock", "--list"],
        "canary": ["shop.commands.canary", "ranking", "--weight", "0"],
    }
    stack = [f"{level.package}.commands.stack", verb]
    return commands.get(verb) or (stack if verb in {"status", "logs"} else [f"{level.package}.commands.{verb}"])


def test_every_command_finds_the_level_of_its_own_clone(clones: tuple[Clone, Clone]) -> None:
    ours, theirs = clones
    before = theirs.answered()
    for verb in VERBS[ours.level.number]:
        done = ours.run(*words(ours.level, verb))
        # How fast it is, and drift, are not judged here, and twenty requests prove no p99.
        judged = {"sla": (1, 3), "capacity": (0, 1), "drift": (0, 1)}.get(verb, (0,))
        assert done.returncode in judged, (verb, done.stdout + done.stderr)
    assert theirs.answered() == before
    result = json.loads((ours.home / f".run/sla/{ours.level.number}.json").read_text(encoding="utf-8"))
    assert (result["target"], result["errors"]) == (ours.url, {})
    assert result["requests"]


def test_commands_refuse_the_level_of_another_clone(clones: tuple[Clone, Clone]) -> None:
    ours, theirs = clones
    name, port = next(iter(theirs.ports.items()))
    for verb in set(VERBS[ours.level.number]) & {"client", "conformance"}:
        done = ours.run(*words(ours.level, verb), **{name: port})
        assert done.returncode == 2
        assert done.stderr.startswith(f"port {port}: is another server, ")
        assert f"of the stack in {theirs.home / '.run' / str(ours.level.number)}" in done.stderr
