"""The release flow under other engines: Kubeflow's local runner and Airflow call the same steps, a task each."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from release import iris
from workbench.registry import CHAMPION, read_models
from workbench.versions import ROOT

if TYPE_CHECKING:
    from workbench.registry import RegistrySettings

pytestmark = pytest.mark.slow

PIPELINES = ROOT / "infra" / "pipelines"
KUBEFLOW, AIRFLOW = (ROOT / ".venvs" / name / "bin" / "python" for name in ("kubeflow", "airflow"))
STEPS = [step.name for step in iris.steps()]
IGNORANT = ("--c", "0.000001")
PROGRAM = """
import json, sys
import pendulum
from airflow.dag_processing.dagbag import DagBag
(dag,) = DagBag(sys.argv[1]).dags.values()
run = dag.test(logical_date=pendulum.datetime(2026, 11, 22, tz="UTC"), run_conf={"options": json.loads(sys.argv[2])})
print(json.dumps({ti.task_id: ti.state for ti in run.get_task_instances()}))
"""

needs_kubeflow = pytest.mark.skipif(not KUBEFLOW.exists(), reason="needs `make .venvs/kubeflow/.synced`")
needs_airflow = pytest.mark.skipif(not AIRFLOW.exists(), reason="needs `make .venvs/airflow/.synced`")


def options(patient: Path, *words: str) -> list[str]:
    return ["--sla", str(patient), "--rate", "60", "--duration", "6", *words]


def called(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What an engine says that finds this repository's steps, here."""
    environment = {**os.environ, "RELEASE_PYTHON": sys.executable, "RELEASE_ROOT": str(Path.cwd()), **more}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def kubeflow(*words: str) -> subprocess.CompletedProcess[str]:
    return called(str(KUBEFLOW), str(PIPELINES / "kubeflow" / "release_pipeline.py"), *words)


def in_airflow(home: Path, *command: str) -> str:
    """What a command says in a home of its own."""
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PIPELINES / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "RELEASE_LATEST_H": "0",
    }
    done = called(*command, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's database before its first run, which takes seconds to make."""
    home = tmp_path_factory.mktemp("airflow")
    in_airflow(home, str(AIRFLOW.with_name("airflow")), "db", "migrate")
    return home / "airflow.db"


def airflow(migrated: Path, home: Path, *words: str) -> dict[str, str | None]:
    """The state of each task after a run. The run's own state says too little."""
    home.mkdir()
    shutil.copy(migrated, home)
    said = in_airflow(home, str(AIRFLOW), "-c", PROGRAM, str(PIPELINES / "airflow"), json.dumps(words))
    found: dict[str, str | None] = json.loads(said.splitlines()[-1])
    return found


@needs_kubeflow
def test_kubeflows_pipeline_compiles_to_a_task_for_each_step(tmp_path: Path) -> None:
    done = kubeflow("compile", str(tmp_path / "release.yaml"))
    assert done.returncode == 0, done.stderr
    compiled = yaml.safe_load((tmp_path / "release.yaml").read_text())
    given = [task["inputs"]["parameters"].get("name") for task in compiled["root"]["dag"]["tasks"].values()]
    assert sorted(each["runtimeValue"]["constant"] for each in given if each) == sorted(STEPS)
    commands = [each["container"]["command"] for each in compiled["deploymentSpec"]["executors"].values()]
    assert not re.search("pip3? install", json.dumps(commands)), "a task installs nothing"


@needs_kubeflow
def test_kubeflow_promotes_a_release(registry: RegistrySettings, patient: Path, tmp_path: Path) -> None:
    done = kubeflow("run", str(tmp_path / "runs"), *options(patient))
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_models(registry)["iris"].aliases == {CHAMPION: 1}


@needs_kubeflow
def test_kubeflow_stops_at_the_gate(registry: RegistrySettings, patient: Path, tmp_path: Path) -> None:
    done = kubeflow("run", str(tmp_path / "runs"), *options(patient, *IGNORANT))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "release   refused" in done.stdout
    assert read_models(registry) == {}


@needs_airflow
def test_airflow_promotes_a_release(registry: RegistrySettings, patient: Path, migrated: Path, tmp_path: Path) -> None:
    assert airflow(migrated, tmp_path / "home", *options(patient)) == dict.fromkeys(["begin", *STEPS], "success")
    assert read_models(registry)["iris"].aliases == {CHAMPION: 1}


@needs_airflow
def test_airflow_stops_at_the_gate(registry: RegistrySettings, patient: Path, migrated: Path, tmp_path: Path) -> None:
    states = airflow(migrated, tmp_path / "home", *options(patient, *IGNORANT))
    assert (states["evaluate"], states["gate"]) == ("success", "failed")
    assert {states[name] for name in STEPS[STEPS.index("gate") + 1 :]} == {"upstream_failed"}
    assert read_models(registry) == {}
