"""``make policy`` and ``make model-card-N``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from servekit.json_file import write_json
from servekit.whole_file import write_whole
from workbench.arguments import count
from workbench.governance.card import model_card
from workbench.governance.evidence import Site
from workbench.governance.policy import judge
from workbench.governance.rulebook import Rulebook, RulebookError, read_rulebook
from workbench.governance.text import CardError, texts_of
from workbench.governance.verdict import PolicyFinding, render
from workbench.hardware import HardwareStamp, hardware_stamp
from workbench.registry import RegistryError, RegistrySettings, read_models
from workbench.terminal import make_console, say
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_RUN = Path(".run")


class _PolicyFile(msgspec.Struct, frozen=True):
    """The contents of ``.run/policy.json``."""

    verdict: str
    hardware: HardwareStamp
    findings: list[PolicyFinding]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; 0, or 1 with what is missing or broken."""
    parser = argparse.ArgumentParser(prog="python -m workbench.governance", description="Model cards and policy.")
    commands = parser.add_subparsers(dest="command", required=True)
    policy = commands.add_parser("policy", help="hold every level and model to the rules")
    policy.add_argument("--level", type=count, action="append", default=[], help="only this one; may be repeated")
    policy.set_defaults(run=_policy)
    card = commands.add_parser("card", help="write the model cards of a level")
    card.add_argument("level", type=count, help="its number")
    card.set_defaults(run=_cards)
    options = parser.parse_args(argv)
    try:
        return int(options.run(options))
    except (RegistryError, RulebookError) as error:
        say(f"error: {error}", stderr=True)
        return 1


def _policy(options: argparse.Namespace) -> int:
    rules = read_rulebook()
    if unknown := [each for each in options.level if str(each) not in rules.levels]:
        raise RulebookError(f"level {unknown[0]}: expected one of {', '.join(rules.levels)}")
    findings = judge(_site(), rules, options.level)
    broken = [each for each in findings if each.said.result == "failed"]
    verdict = "broken" if broken else "kept"
    write_json(_RUN / "policy.json", _PolicyFile(verdict, hardware_stamp(), findings))
    console = make_console()
    console.print(render(console, findings))
    say(f"{len(broken)} of {len(findings)} rules broken: {_RUN / 'policy.json'}")
    return 1 if broken else 0


def _site() -> Site:
    settings = RegistrySettings()
    return Site(
        models=read_models(settings),
        run=_RUN,
        artefacts=settings.artefacts,
        environments=[path.parent for path in sorted(ROOT.glob(".venvs/*/pyvenv.cfg"))],
        audit_key=os.environ.get("AUDIT_KEY", ""),
    )


def _cards(options: argparse.Namespace) -> int:
    models, texts = read_models(RegistrySettings()), texts_of(options.level)
    declared = _declared(read_rulebook(), options.level)
    faults: list[Any] = [each for each in texts.values() if isinstance(each, CardError)]
    faults += [f"model {name}: no model_card.toml: people write it" for name in declared if name not in texts]
    for name, text in texts.items():
        if isinstance(text, CardError):
            continue
        try:
            card = model_card(text, models.get(name))
        except CardError as error:
            faults.append(error)
        else:
            path = _RUN / str(options.level) / "model-cards" / f"{name}.md"
            write_whole(path, card.encode())
            say(f"model card     {path}")
    for fault in faults:
        say(f"error: {fault}", stderr=True)
    return 1 if faults else 0


def _declared(rules: Rulebook, level: int) -> list[str]:
    if str(level) not in rules.levels:
        raise RulebookError(f"level {level}: expected one of {', '.join(rules.levels)}")
    return rules.levels[str(level)].models


if __name__ == "__main__":
    sys.exit(main())
