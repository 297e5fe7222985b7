"""The canary of level 3: the challenger beside the champion on the running level's traffic."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from release.level_command import call, called, log_of
from release.step import Result, StepError, Verdict
from servekit.artefact_folder import MODEL
from servekit.http_ask import ask
from shop.addresses import Addresses
from shop.serving.envoy.splits import read_splits
from workbench.registry.artefact import put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.step import Place

__all__ = ["canary"]

_RESULTS: dict[int, Result] = {0: "passed", 1: "failed"}
_INTERRUPTED = 130
_ANSWERS_WITHIN_S = 30.0
_COMMAND = "shop.commands.canary"


def canary(place: Place) -> Verdict:
    """The challenger beside the champion on the running level's traffic, judged at each step of its share.

    Its version on the level is its number in the registry. A level that does not run is started, and stopped again.
    """
    model, addresses = str(place.parameters.model), Addresses()
    folder, number = Path(place.figures["register"]["folder"]), str(place.figures["register"]["version"])
    if _serves(addresses, model, number, folder):
        return Verdict("passed", f"version {number} has all traffic already", {"summary": "promoted before"})
    with _running(place, addresses):
        put(folder, addresses.models_dir / model / number)
        called(place, "shop.serving.control", "add", model, number)
        place.say(f"version {number} beside the one that is served: {log_of(place, _COMMAND)}")
        words = [model, "--auto", "--candidate", number, *place.parameters.canary]
        return _judged(place, call(place, _COMMAND, *words))


def _serves(addresses: Addresses, model: str, number: str, folder: Path) -> bool:
    """Whether that version is the level's stable one; no other bytes may stand under its number."""
    if read_splits(addresses.canary_state)[model].stable != number:
        return False
    served = addresses.models_dir / model / number / MODEL
    if served.exists() and served.read_bytes() == (folder / MODEL).read_bytes():
        return True
    raise StepError(
        f"{served}: level 3 serves another graph as version {number}, which the registry has not: make register-3, "
        "then release again"
    )


@contextmanager
def _running(place: Place, addresses: Addresses) -> Iterator[None]:
    """The level; one that does not run is started, and stopped again; one that runs is waited for until it is ready."""
    status = None
    with suppress(OSError):
        status = ask(f"http://127.0.0.1:{addresses.port}/readyz", _ANSWERS_WITHIN_S).status
    if status is not None:
        if status != HTTPStatus.OK:
            called(place, "shop.commands.stack", "up")
        yield
        return
    place.say("starts level 3, and stops it again")
    try:
        called(place, "shop.commands.stack", "up")
        yield
    finally:
        called(place, "shop.commands.stack", "down")


def _judged(place: Place, ended: int) -> Verdict:
    if ended == _INTERRUPTED:
        raise KeyboardInterrupt
    lines = log_of(place, _COMMAND).read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if line.startswith((f"{place.parameters.model}: ", "error: "))]
    summary = told[-1] if told else f"canary: exit {ended}"
    return Verdict(_RESULTS.get(ended, "undecided"), summary, {"summary": summary})
