"""Holds every level and model to every rule, and leaves none out: where evidence is missing, the rule fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.governance import licence_rules
from workbench.governance.level_rules import IMAGE_RULES, LEVEL_RULES, Level, decisions, images_of
from workbench.governance.model_rules import MODEL_RULES, Subject, registered
from workbench.governance.verdict import PolicyFinding, failed, not_applicable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from workbench.governance.evidence import Site
    from workbench.governance.rulebook import Rulebook

__all__ = ["judge"]


def judge(site: Site, rules: Rulebook, levels: Collection[int] = ()) -> list[PolicyFinding]:
    """What each rule says of these levels (none: all of them) and of the repository as a whole."""
    chosen = sorted(levels or map(int, rules.levels))
    return [*_repository(site, rules), *(each for number in chosen for each in _level(Level(number, site, rules)))]


def _repository(site: Site, rules: Rulebook) -> Iterator[PolicyFinding]:
    yield PolicyFinding(None, "", "licences of parts", licence_rules.components(site, rules))
    yield PolicyFinding(None, "", "licences of packages", licence_rules.packages(site, rules))
    yield PolicyFinding(None, "", "decisions", decisions(site))
    known = {model for level in rules.levels.values() for model in level.models}
    for name in sorted(site.models.keys() - known):
        remedy = "policy.toml: name it among the models of its level"
        yield PolicyFinding(None, name, "declared", failed("registered, and no level answers for it", remedy))


def _level(level: Level) -> Iterator[PolicyFinding]:
    without = level.rules.levels[str(level.number)].without
    for name in level.rules.levels[str(level.number)].models:
        yield from _model(Subject(level.number, name, level.site, level.rules))
    for image in images_of(level):
        for name, rule in IMAGE_RULES.items():
            yield PolicyFinding(level.number, image, name, rule(level, image))
    for name, of_level in LEVEL_RULES.items():
        said = not_applicable(without[name]) if name in without else of_level(level)
        yield PolicyFinding(level.number, "", name, said)


def _model(subject: Subject) -> Iterator[PolicyFinding]:
    entry = registered(subject)
    yield PolicyFinding(subject.level, subject.name, "registered", entry)
    champion = subject.champion if entry.result == "met" else None
    for name, rule in MODEL_RULES.items():
        said = (
            rule(subject, champion) if champion else not_applicable("the rule registered fails: there is no champion")
        )
        yield PolicyFinding(subject.level, subject.name, name, said)
