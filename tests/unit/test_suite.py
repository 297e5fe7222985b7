"""The tests themselves: nothing in them is left to chance, and what is said of them is true."""

from __future__ import annotations

import ast
import io
import re
import sys
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage, CoverageData

from tests import prepare, prometheus_program
from tests.distribution import LONGEST, TOGETHER, shuffle
from tests.prometheus_program import REMEDY
from tests.unit.determinism import faults, sleeps
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TESTS = ROOT / "tests"
FILES = sorted(path for path in TESTS.rglob("*.py") if "__pycache__" not in path.parts)
UNINITIALISED = {"tests/unit/servekit/oip/tensor_strategies.py": "is filled in the next line"}
UNSEEDED = {"tests/ports.py": "two runs on one machine are to begin at different ports"}
SLEEPING = {
    "tests/cluster/load.py": "sends at a constant rate",
    "tests/cluster/test_recommender_on_a_cluster.py": "an operator at rest changes nothing for a while",
    "tests/scripted_batch.py": "a step of a model takes time",
    "tests/patience.py": "waits for a condition",
    "tests/integration/recommender/units/Letter.py": "a component that is as slow as it is told",
    "tests/integration/servekit/test_audit_crash.py": "a program under test",
    "tests/integration/shop/gateway/fake_models.py": "a server that is as slow as it is told",
    "tests/integration/shop/serving/edge_world.py": "a server that is as slow as it is told",
    "tests/integration/shop/gateway/test_key_rates.py": "callers who ask again and again",
    "tests/unit/servekit/telemetry/test_middleware.py": "a handler that hangs",
    "tests/unit/servekit/telemetry/test_rpc.py": "a handler that hangs",
    "tests/unit/servekit/test_http_pool.py": "transports end on the loop's next turn",
    "tests/sla/test_engine.py": "requests that are slow to make",
    "tests/sla/tiny_server.py": "a server that stands still as long as it is told",
}
"""Who may sleep, and why. Anybody else waits for something: `tests.patience`."""

PLANTED = """
import random as dice
from random import choice, Random
import numpy as np
a = np.empty(3); b = np.empty_like(a)
packed = gzip.compress(b"a"), gzip.compress(b"a", mtime=0)
dice.random(); choice([1, 2]); Random(); dice.Random()
np.random.normal(size=3); np.random.seed(1); np.random.default_rng()
"""
HARMLESS = """
import random
from random import Random
import numpy as np
draw, rng = random.Random(3), np.random.default_rng(seed=7)
draw.random(); Random(5).choice([1]); rng.normal(); np.zeros(3); q.empty()
def f(rng): return rng.random()
"""


def named(path: str, found: list[str]) -> list[str]:
    return [f"{path}:{each}" for each in found]


@pytest.mark.slow
def test_no_test_reads_uninitialised_memory_or_draws_without_a_seed() -> None:
    excused = UNINITIALISED | UNSEEDED
    paths = {str(path.relative_to(ROOT)): path.read_text() for path in FILES}
    found = {path: faults(source) for path, source in paths.items()}
    assert [line for path, each in found.items() if path not in excused for line in named(path, each)] == []
    assert [path for path in excused if len(found.get(path, [])) != 1] == [], "excused for exactly one"


@pytest.mark.slow
def test_what_two_test_modules_need_is_in_neither_of_them() -> None:
    """Whoever imports a test module runs its imports and its fixtures, and a rename of one breaks another."""
    imports = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.module}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and re.search(r"^tests\.(.*\.)?test_\w+\Z", node.module or "")
    ]
    assert imports == [], "move it into a module that is no test"


@pytest.mark.slow
def test_who_sleeps_has_a_reason() -> None:
    sleeping = {str(path.relative_to(ROOT)) for path in FILES if sleeps(path.read_text())}
    assert sleeping - SLEEPING.keys() == set(), "wait for what is to happen: tests.patience.until"
    assert {path for path in SLEEPING if not (ROOT / path).exists()} == set()


def test_planted_faults_are_found() -> None:
    assert [each.split(":")[1].strip() for each in faults(PLANTED)] == [
        "np.empty", "np.empty_like", "dice.random", "choice", "Random", "dice.Random", "np.random.normal",
        "np.random.seed", "np.random.default_rng", "gzip.compress",
    ]  # fmt: skip
    assert faults(HARMLESS) == []
    assert sleeps("import time, asyncio\ntime.sleep(0.3)\nasyncio.sleep(0)\n") == [2]


def test_every_path_in_the_distribution_names_something() -> None:
    wrong = [path for path in (*TOGETHER, *LONGEST) if not exists(path)]
    assert wrong == [], "a rename would leave these unscheduled without a word"


def exists(nodeid: str) -> bool:
    path, _, test = nodeid.partition("::")
    if not test or not (ROOT / path).exists():
        return (ROOT / path).exists()
    functions = {node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)}
    return test in functions


class Item:
    """As much of a pytest.Item as an order needs."""

    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def shuffled(seed: int) -> list[str]:
    files = ("tests/unit/a.py", "tests/unit/b.py", "tests/integration/shop/x/c.py", "tests/integration/shop/x/d.py")
    items = [Item(f"{file}::test_{number}") for file in files for number in range(6)]
    shuffle(items, seed)  # type: ignore[arg-type]  # it reads their node ids alone
    return [item.nodeid for item in items]


def test_the_random_order_depends_on_the_seed_alone_and_keeps_files_together() -> None:
    orders = [shuffled(seed) for seed in range(5)]
    assert shuffled(3) == orders[3]
    assert len({tuple(order) for order in orders}) == len(orders)
    for order in orders:
        files = [nodeid.partition("::")[0] for nodeid in order]
        assert sum(file != before for file, before in zip(files, ["", *files], strict=False)) == 4
        shop = [number for number, file in enumerate(files) if file.startswith("tests/integration/shop/x")]
        assert shop == list(range(shop[0], shop[0] + 12))


def test_the_map_of_the_tests_names_every_folder_that_has_some() -> None:
    folders = {path.parent.relative_to(TESTS).parts[:2] for path in FILES if path.name.startswith("test_")}
    told = re.findall(r"^\| `([\w/]+)`", (TESTS / "README.md").read_text(), re.MULTILINE)
    assert sorted(told) == sorted("/".join(parts) for parts in folders)


FETCHING = """
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
(folder / "first.yaml").write_text("whole")
sys.exit({code})
"""


@pytest.mark.parametrize(("code", "kept"), [(0, ["first.yaml"]), (1, [])])
def test_schemas_are_taken_when_all_of_them_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int, kept: list[str]
) -> None:
    monkeypatch.setattr(prepare, "CACHE", tmp_path / "crds")
    monkeypatch.setattr(prepare, "_FETCH", (sys.executable, "-c", FETCHING.format(code=code)))
    monkeypatch.setattr(prepare, "find_crds", lambda: None)
    monkeypatch.setattr(prepare, "find", lambda _: ["promtool"])
    prepare.main()
    assert [file.name for file in (tmp_path / "crds").glob("*.yaml")] == kept
    assert ("`make crds` fetches them" in capsys.readouterr().out) == (not kept)


def test_without_prometheus_and_its_image_one_line_says_what_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prepare, "find_crds", lambda: ROOT)
    monkeypatch.setattr(prepare, "find", lambda _: None)
    monkeypatch.setattr(prepare, "_PULL", ("false",))
    prepare.main()
    assert capsys.readouterr().out == (
        f"tests: {REMEDY}; without it the tests of alert rules and of the dashboards' queries are skipped\n"
    )


def test_prometheus_from_its_image_sees_the_repository_and_the_tests_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(prometheus_program, "docker_has", lambda _: True)
    command = prometheus_program.find("promtool", tmp_path, ROOT / "infra") or []
    assert command[:3] == ["docker", "run", "--rm"]
    assert [word for word in command if word.startswith("--volume")] == [
        f"--volume={ROOT}:{ROOT}:ro", f"--volume={tmp_path}:{tmp_path}",
    ]  # fmt: skip
    assert command[-2:] == ["--entrypoint=promtool", prometheus_program.IMAGE]
    monkeypatch.setattr(prometheus_program, "docker_has", lambda _: False)
    assert prometheus_program.find("promtool") is None


NEEDS_ANOTHER = re.compile(
    r"test_(so_(does|do|is|are)|nor|likewise|they|its?|one_that)_|.*_(too|likewise|also|either)\Z"
)


@pytest.mark.slow
def test_the_name_of_a_test_can_be_understood_without_the_test_above_it() -> None:
    names = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}: expected its subject, and no 'too'"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and NEEDS_ANOTHER.match(node.name)
    ]
    assert names == []
    for name in ("test_so_is_every_field", "test_over_grpc_likewise", "test_headers_that_drip_are_408_too"):
        assert NEEDS_ANOTHER.match(name), name


@pytest.mark.parametrize("marker", ["slow", "alone", "images"])
def test_each_marker_is_run_by_a_target(marker: str) -> None:
    commands = [line for line in (ROOT / "Makefile").read_text().splitlines() if ") pytest " in line]
    assert any(re.search(rf"-m (\"{marker}|{marker}\b)", line) for line in commands)


def test_coverage_counts_this_tree_and_no_copy_of_it(tmp_path: Path) -> None:
    measured = "shared/workbench/versions.py"
    copy = tmp_path / measured
    copy.parent.mkdir(parents=True)
    copy.write_text((ROOT / measured).read_text(encoding="utf-8"), encoding="utf-8")
    data = CoverageData(str(tmp_path / "data.of-a-process"))
    data.add_lines({str(ROOT / measured): [1], str(copy): [1]})
    data.write()

    coverage = Coverage(data_file=str(tmp_path / "data"), config_file=str(ROOT / "pyproject.toml"))
    coverage.combine([str(tmp_path)])
    report = io.StringIO()
    coverage.report(file=report)

    assert measured in report.getvalue()
    assert str(tmp_path) not in report.getvalue()
