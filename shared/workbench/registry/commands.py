"""The command line of a level's registered models, behind ``make register-N``, ``promote-N`` and ``rollback-N``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Protocol

from workbench.arguments import count
from workbench.registry.errors import RegistryError
from workbench.registry.opening import find_model, read_models
from workbench.registry.promoting import promote, rollback
from workbench.registry.registering import register
from workbench.registry.settings import RegistrySettings
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servekit.artefact_folder import ArtefactFolder
    from workbench.registry.promoting import Move
    from workbench.registry.version import ModelVersion

__all__ = ["ServingLevel", "main", "move"]

_INTERRUPTED = 130


class ServingLevel(Protocol):
    """What a promotion needs to know of a level, and have it do.

    Attributes:
        number: of the level.
        models: the registered models that are its own.
    """

    number: int
    models: tuple[str, ...]

    def serve(self, version: ModelVersion) -> str:
        """Brings a version to traffic, now or at the next start, and says which.

        Raises:
            RegistryError: it cannot be served; what was served before still is, or is again at the next call.
        """
        ...


def main(
    level: Callable[[], ServingLevel],
    on_disk: Callable[[], Sequence[ArtefactFolder]],
    argv: Sequence[str] | None = None,
) -> int:
    """Runs one command on a level's models; 0, 1 with one line that says why it cannot, or 130 when interrupted.

    Args:
        level: gives what serves the models.
        on_disk: gives the artefacts that training left.
        argv: the words of the command line.
    """
    options = _parser().parse_args(argv)
    try:
        if options.command == "register":
            register(on_disk(), say)
        else:
            move(_serving(level, options.model), options)
    except RegistryError as error:
        say(f"error: {error}", stderr=True)
        return 1
    except KeyboardInterrupt:
        say("interrupted: champion and traffic are what they were", stderr=True)
        return _INTERRUPTED
    return 0


def move(level: ServingLevel, options: argparse.Namespace) -> None:
    """Promotes or rolls back, and has the level follow.

    Raises:
        RegistryError: as `promote` and `rollback`; or the version's gate refused it.
    """
    lines: list[str] = []

    def reach(made: Move) -> None:
        lines.append(level.serve(made.after))

    model = options.model
    if options.command == "promote":
        if not options.force:
            _check_gate(model, options.version)
        made = promote(model, options.version, options.why, reach=reach)
    else:
        made = rollback(model, options.why, reach=reach)
    say(f"{model}: champion {made.before.number if made.before else 'none'} -> {made.after.number}: {lines[-1]}")


def _serving(level: Callable[[], ServingLevel], model: str) -> ServingLevel:
    found = level()
    if model not in found.models:
        raise RegistryError(f"model {model}: expected one of level {found.number}: {', '.join(found.models)}")
    return found


def _check_gate(model: str, number: int) -> None:
    version = find_model(read_models(RegistrySettings()), model).version(number)
    gate = version.gate
    if gate is not None and not gate.get("passed", False):
        reasons = "; ".join(map(str, gate.get("reasons", []))) or "no reason given"
        raise RegistryError(f"{version.title}: its gate refused it: {reasons}: ARGS=--force promotes it all the same")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A level's registered models.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("register", help="register what training left, where that could not be done at once")
    forward = commands.add_parser("promote", help="make a version the champion, and serve it")
    back = commands.add_parser("rollback", help="make the champion before this one champion again")
    for each in (forward, back):
        each.add_argument("model", help="a registered model")
        each.add_argument("--why", default="no reason given", help="for the audit log")
    forward.add_argument("version", type=count, help="its version, as make registry counts")
    forward.add_argument("--force", action="store_true", help="also a version that its gate refused")
    return parser
