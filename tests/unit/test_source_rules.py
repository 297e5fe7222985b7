"""The rules of `source_rules` hold everywhere, and each finds what it is for."""

from __future__ import annotations

import ast

import pytest

from tests.unit.source_rules import RULES, found, sources
from workbench.versions import ROOT

BREAKS = {
    "proxy": ["httpx.Client(timeout=5)", "httpx.get(url)", "grpc.insecure_channel(address)", "request.urlopen(url)"],
    "number": ['parser.add_argument("--qps", type=float)', 'parser.add_argument("-n", "--count", type=int, default=5)'],
    "process": ["process.cpu_times()", "psutil.Process(pid).memory_info().rss", 'Path("/proc/stat").read_text()'],
    "dollar": [
        're.compile(rf"^{a}+$")',
        're.match(A + r"$", text)',
        're.search(r"^(a$|b)", text)',
        're.compile(r"^[0-9]+$")',
        're.match(rb"a$", text)',
        'Annotated[str, Meta(pattern=r"^[0-9]{1,9}$")]',
    ],
}
KEEPS = {
    "proxy": ["client(timeout=5)", "httpx.AsyncClient(transport=wire)", "grpc.insecure_channel(address, DIRECT)"],
    "number": ['parser.add_argument("--qps", type=positive)', 'parser.add_argument("--seed", type=int)'],
    "process": ["psutil.cpu_times()", "cpu_s(family(pid))", "machine_time()"],
    "dollar": ['re.compile(r"^[0-9]+\\Z")', 're.split(r"^#$", text, flags=re.MULTILINE)', 're.compile(r"a\\$")'],
}


@pytest.mark.parametrize("name", RULES)
def test_nothing_breaks_the_rule(name: str) -> None:
    rule = RULES[name]
    places = [
        f"{path}:{line}: {rule.instead}"
        for path in sources(rule.folders, rule.home)
        for line in found(ast.parse(path.read_text(encoding="utf-8")), rule)
    ]
    assert places == []


def test_what_a_rule_points_to_exists_and_needs_its_exception() -> None:
    for name, rule in RULES.items():
        if rule.home:
            tree = ast.parse((ROOT / rule.home).read_text(encoding="utf-8"))
            assert list(found(tree, rule)), f"{name}: {rule.home} no longer needs it"


@pytest.mark.parametrize("name", RULES)
def test_a_rule_finds_what_it_is_for_and_nothing_else(name: str) -> None:
    for line in BREAKS[name]:
        assert list(found(ast.parse(line), RULES[name])), line
    for line in KEEPS[name]:
        assert not list(found(ast.parse(line), RULES[name])), line
