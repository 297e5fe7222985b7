"""What people give to make is text: the real Makefile's targets, with a Python that only notes how it was started."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from workbench.versions import ROOT

EVIL = """a'b" $(touch EXECUTED) `touch EXECUTED`; touch EXECUTED & touch EXECUTED | touch EXECUTED > EXECUTED
touch EXECUTED
$(shell touch EXECUTED) ${HOME} $HOME $$HOME \\ # % * ~ !!"""

RECORDER = """
import json, os, sys
with open(os.environ["RECORD"], "a") as record:
    started = {"program": sys.orig_argv[0], "words": sys.orig_argv[1:], "environment": dict(os.environ)}
    print(json.dumps(started), file=record)
os._exit(0)
"""
MADE = (
    ".venvs/uv/bin/uv", ".venvs/main/.synced", ".venvs/seldon/.synced", ".venvs/triton/.synced", ".venvs/bench/.synced",
    ".venvs/gpu/.synced", ".venvs/ci/.synced", ".venvs/kubeflow/.synced", ".venvs/airflow/.synced",
    ".venvs/mlflow/.synced", ".venvs/assistant/.synced",
    ".venvs/frameworks/litserve/.synced",
    ".run/1/models/iris/1/model.json", ".run/2/models/recommender/2/model.json", ".run/3/models/ranking/1/model.json",
    ".run/3/optimize.json",
)  # fmt: skip


class Started(NamedTuple):
    """A Python that a recipe started."""

    program: str
    words: list[str]
    environment: dict[str, str]


class Clone(NamedTuple):
    """A folder with the Makefile, where everything is set up and Python only notes how it was started."""

    folder: Path
    environment: dict[str, str]

    def make(self, *arguments: str, **variables: str) -> tuple[list[Started], str]:
        """What was started, and what was printed; fails where a value became a command."""
        done = subprocess.run(
            ["make", *arguments], cwd=self.folder, env=self.environment | variables, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert [str(path) for path in self.folder.rglob("EXECUTED*")] == []
        record = Path(self.environment["RECORD"])
        lines = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return [Started(**json.loads(line)) for line in lines], done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for part in ("shared", "infra", *(folder.name for folder in ROOT.glob("0?-*"))):
        (tmp_path / part).symlink_to(ROOT / part)
    python = tmp_path / ".venvs/main/bin/python"
    for path in (python, *(tmp_path / each for each in MADE), tmp_path / "recorder/sitecustomize.py"):
        path.parent.mkdir(parents=True, exist_ok=True)
    python.symlink_to(Path(sys.executable).resolve())
    (tmp_path / "recorder/sitecustomize.py").write_text(RECORDER)
    for each in MADE:
        (tmp_path / each).touch(0o755)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return Clone(tmp_path, kept | {"RECORD": str(tmp_path / "record"), "PYTHONPATH": str(tmp_path / "recorder")})


def given() -> list[str]:
    """The variables that the Makefile takes."""
    return (re.search(r"^GIVEN := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE) or [""])[1].split()


WHOLE = {
    "SQL": ["query-1"],
    "ANCHOR": ["audit-1"],
    "OUT": ["stock-2"],
    "IN": ["stock-2"],
    "LIST": ["stock-2"],
    "MODEL": ["canary-3", "WEIGHT=10"],
    "VERSION": ["promote-1", "MODEL=iris"],
    "WHY": ["rollback-1", "MODEL=iris"],
    "WEIGHT": ["canary-3", "MODEL=ranking"],
    "AUTO": ["canary-3", "MODEL=ranking"],
    "QPS": ["plan-3"],
    "P99_MS": ["plan-3"],
    "ID": ["incident"],
    "E": ["hint"],
    "SEED": ["incident"],
    "CI": ["test"],
    "CONTEXT": ["deploy-1"],
    "URL": ["client-1"],
    "YES": ["undeploy-1"],
    "REGISTRY": ["deploy-1"],
    "RELEASE": ["publish-1"],
    "ENVIRONMENT": ["pin-1"],
    "PROVIDER": ["install-ci"],
    "IMAGES": ["deploy-1"],
    "DRIVER": ["cluster-up-1"],
    "ONLY": ["frameworks-1"],
    "MINUTES": ["drill"],
    "MOCK": ["drill"],
    "STATS": ["drill"],
    "WITH": ["client-3"],
    "USERS": ["plan-assistant"],
}
"""Each variable whose value is one word, or only there or not, and what takes it."""
IN_ENVIRONMENT = {
    "SQL", "ANCHOR", "LIST", "AUTO", "CI", "CONTEXT", "URL", "YES", "REGISTRY", "RELEASE", "ENVIRONMENT", "PROVIDER",
    "IMAGES", "DRIVER", "ONLY", "STATS", "WITH",
}  # fmt: skip
"""Those that a command reads there, or that only change which words it gets."""


@pytest.mark.parametrize("name", WHOLE)
def test_a_value_reaches_its_command_whole(name: str, clone: Clone) -> None:
    for arguments, variables in (([f"{name}={EVIL}"], {}), ([], {name: EVIL})):
        started, said = clone.make(*WHOLE[name], *arguments, **variables)
        assert started, said
        words = started[-1].words
        assert started[-1].environment[name] == EVIL
        if name not in IN_ENVIRONMENT:
            assert [word for word in words if word.endswith(EVIL)], words


TAKES_ARGS = (
    "test", "test-slow", "test-images", "up-1", "up-3", "logs-1", "trace-2", "calibrate-3", "budget-3", "overload-3",
    "failures-3", "delays-3", "transport-3", "gateways-3", "conformance-3", "sla-1", "fuzz-1", "test-1", "test-2",
    "test-3", "capacity-2", "release-1", "grade-1", "drill", "incident", "design", "plan-3",
    "sla-assistant", "ladder-assistant",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("target", TAKES_ARGS)
def test_args_become_words_and_nothing_else(target: str, clone: Clone) -> None:
    started, said = clone.make(target, f"ARGS=-k {shlex.quote(EVIL)}\n'a or b' $(touch EXECUTED)")
    assert started, said
    for each in started:
        if each.words[:2] not in (["-m", "tests.prepare"], ["-m", "assistant.weights"]):
            assert each.words[-5:] == ["-k", EVIL, "a or b", "$(touch", "EXECUTED)"]
            assert "ARGS" not in each.environment


def test_args_with_an_open_quote_say_so(clone: Clone) -> None:
    expected = "error: ARGS -k 'a: expected every quote to be closed, and a character after a backslash\n"
    assert expected in clone.make("drill", "ARGS=-k 'a")[1]
    assert clone.make("drill", f"ARGS={EVIL}")[0] == []


def test_a_path_to_python_is_no_command(clone: Clone) -> None:
    python = clone.folder / EVIL / "python"
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable).resolve())
    for each in MADE[:5]:
        (clone.folder / each).unlink()
    started, _ = clone.make("setup", f"PYTHON={python}")
    assert [(each.program, each.words[0]) for each in started] == [(str(python), "-c"), (str(python), "-m")]


@pytest.mark.parametrize("environment", ["main", "seldon", "triton", "bench", "gpu", "frameworks/litserve"])
def test_a_path_to_python_given_to_uv_is_no_command(environment: str, clone: Clone) -> None:
    (clone.folder / ".venvs/uv/bin/uv").write_text('#!/bin/sh\ntest $1 = venv && printf %s "$@"\n')
    (clone.folder / f".venvs/{environment}/.synced").unlink()
    (clone.folder / ".venvs/main/bin/python").unlink()
    _, said = clone.make(f".venvs/{environment}/.synced", f"PYTHON={EVIL}")
    assert f"--python{EVIL}.venvs/{environment}" in said


@pytest.mark.parametrize("drivers", [["nvidia-smi"], []])
def test_the_environment_for_gpus_is_made_only_where_a_driver_is(clone: Clone, drivers: list[str]) -> None:
    uv = clone.folder / ".venvs/uv/bin/uv"
    uv.write_text('#!/bin/sh\nmkdir -p .venvs/gpu\necho "$*"\n')
    (clone.folder / ".venvs/gpu/.synced").unlink()
    programs = clone.folder / "programs"
    programs.mkdir()
    for name in ("bash", "sh", "mkdir", "touch", "make", "env", "test", "cat", "awk"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    for name in drivers:
        (programs / name).symlink_to("/bin/true")
    started, said = clone.make("optimize-3", PATH=str(programs))
    assert started[-1].words == ["-m", "shop.commands.optimize"], said
    installs = [line for line in said.splitlines() if line.startswith("pip sync") and ".venvs/gpu" in line]
    assert len(installs) == len(drivers), said
    assert all("--require-hashes" in line and line.endswith("infra/requirements/gpu.txt") for line in installs)


def test_where_the_environment_for_gpus_cannot_be_made_the_versions_are_made_without(clone: Clone) -> None:
    offline = 'case "$*" in *.venvs/gpu*) echo no route to a package index; exit 2;; esac'
    (clone.folder / ".venvs/uv/bin/uv").write_text(f"#!/bin/sh\n{offline}\n")
    (clone.folder / ".venvs/gpu/.synced").unlink()
    (clone.folder / "programs").mkdir()
    (clone.folder / "programs/nvidia-smi").symlink_to("/bin/true")
    started, said = clone.make("optimize-3", PATH=f"{clone.folder / 'programs'}{os.pathsep}{os.environ['PATH']}")
    assert started[-1].words == ["-m", "shop.commands.optimize"], said
    assert "no route to a package index\n" in said
    assert "optimize-3: without rows for ONNX Runtime on the GPU, because .venvs/gpu could not be made; " in said


def test_a_setting_given_to_make_is_not_expanded(clone: Clone) -> None:
    started, said = clone.make("up-1", f"IRIS_API_KEYS={EVIL}", no_proxy=EVIL)
    assert started, said
    assert started[-1].environment["IRIS_API_KEYS"] == EVIL


TAKES_A_LEVEL = (
    "train", "up", "down", "status", "logs", "client", "trace", "query", "drift", "audit", "sla", "fuzz", "capacity",
    "grade", "image", "cluster-up", "deploy", "undeploy", "cluster-down",
)  # fmt: skip


@pytest.mark.parametrize("verb", TAKES_A_LEVEL)
def test_a_level_that_is_none_is_refused(verb: str, clone: Clone) -> None:
    for level in ("1;touch EXECUTED", "$(touch EXECUTED)", "9", "`touch EXECUTED`"):
        started, said = clone.make(f"{verb}-{level}")
        assert started == []
        assert f"level {level}: no such level, expected one of: 1 2 3" in said


def test_every_variable_of_the_makefile_is_tested() -> None:
    assert sorted([*WHOLE, "ARGS", "PYTHON"]) == sorted(given())
