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
    "json": ["msgspec.json.format(content)", "json.dumps(document, indent=1)", "json.dump(a, file, indent=2)"],
    "justify": ['table.columns[1].justify = "right"'],
    "answer": ['await send({"type": "http.response.start", "status": 200})'],
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
    "json": ["json.dumps(document)", "write_json(path, document)", "json.dumps(panel, cls=JSONEncoder, indent=2)"],
    "justify": ['Column("ms", justify="right")', "found = column.justify"],
    "answer": ["await send_answer(send, 200, body, headers)"],
    "dollar": ['re.compile(r"^[0-9]+\\Z")', 're.split(r"^#$", text, flags=re.MULTILINE)', 're.compile(r"a\\$")'],
}


@pytest.fixture(scope="module")
def places() -> dict[str, list[str]]:
    """Where each rule is broken. Every file is read once, for all rules: to read it takes longer than to look at it."""
    held_to = {name: set(sources(rule.folders, rule.homes)) for name, rule in RULES.items()}
    broken: dict[str, list[str]] = {name: [] for name in RULES}
    for path in sorted(set.union(*held_to.values())):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, rule in RULES.items():
            if path in held_to[name]:
                broken[name] += [f"{path}:{line}: {rule.instead}" for line in found(tree, rule)]
    return broken


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_nothing_breaks_the_rule(name: str, places: dict[str, list[str]]) -> None:
    assert places[name] == []


@pytest.mark.parametrize("name", RULES)
def test_a_file_that_is_excepted_from_a_rule_breaks_it(name: str) -> None:
    for home in RULES[name].homes:
        assert list(found(ast.parse((ROOT / home).read_text(encoding="utf-8")), RULES[name])), f"{home}: no exception"


@pytest.mark.parametrize("name", RULES)
def test_a_rule_finds_what_it_is_for_and_nothing_else(name: str) -> None:
    for line in BREAKS[name]:
        assert list(found(ast.parse(line), RULES[name])), line
    for line in KEEPS[name]:
        assert not list(found(ast.parse(line), RULES[name])), line
