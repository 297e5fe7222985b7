"""Which series the rules and the dashboards rate, and whether a server shows them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

import yaml
from prometheus_client.parser import text_string_to_metric_families

from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Selector", "rated", "samples"]

_RATED = re.compile(r"\b(?:rate|increase)\(\s*(\w+)(?:\{(.*?)\})?\[", re.DOTALL)
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
_SCRAPED = frozenset({"job", "instance", "namespace", "pod"})


class Selector(NamedTuple):
    """A metric's name and what its labels must be: label, ``=``, ``!=``, ``=~`` or ``!~``, value."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether it selects a series; labels that Prometheus adds at the scrape are not looked at."""
        return name == self.name and all(
            _holds(labels.get(label, ""), how, value) for label, how, value in self.matchers
        )

    def at(self, level: str) -> bool:
        """Whether it may select a series of that level."""
        return all(_holds(level, how, value) for label, how, value in self.matchers if label == "level")


def rated() -> set[Selector]:
    """Every selector under a ``rate`` or an ``increase``, in a rule or a panel."""
    found = set()
    for expr in _expressions():
        for name, matchers in _RATED.findall(expr):
            wanted = [each for each in _MATCHER.findall(matchers) if each[0] not in _SCRAPED]
            found.add(Selector(name, tuple(wanted)))
    return found


def samples(exposition: str) -> list[tuple[str, dict[str, str], float]]:
    """Name, labels and value of each sample of a ``/metrics``."""
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    ]


def _expressions() -> Iterator[str]:
    infra = ROOT / "infra"
    for file in sorted((infra / "prometheus" / "rules").glob("*.yaml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from (rule["expr"] for rule in group["rules"])
    for file in sorted((infra / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield target["expr"].replace("$level", ".*").replace("$model", ".*").replace("$__rate_interval", "5m")


def _holds(actual: str, how: str, value: str) -> bool:
    same = re.fullmatch(value, actual) is not None if "~" in how else actual == value
    return same is not how.startswith("!")
