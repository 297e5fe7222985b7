"""The three engines' files: valid for the engine, safe, and no more than make targets; GitLab's jobs run for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.pipeline_files import (
    GITLAB,
    JENKINS,
    WORKFLOWS,
    missing_needs,
    read,
    targets,
    targets_of_makefile,
)
from tests.ports import free_ports
from workbench import pipelines
from workbench.governance import Site, judge, read_rulebook
from workbench.pipelines import PipelineError, install
from workbench.registry import RegistrySettings, read_models
from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHECKS = ROOT / ".venvs" / "ci" / "bin"
NODE = 20
JAVA = 17


def check(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = CHECKS / tool
    if not program.exists():
        pytest.skip(f"no {program.relative_to(ROOT)}: `make setup` makes it")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=120)


def npm(package: str) -> Path:
    """A program from npm, in the version that is pinned; skipped where no Node can run it."""
    node = shutil.which("node")
    major = (
        int(subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout[1:].split(".")[0])
        if node
        else 0
    )
    if major < NODE or shutil.which("npm") is None:
        pytest.skip(f"no npm with Node {NODE}, which {package} needs")
    folder = ROOT / ".cache" / "npm" / f"{package}-{load_versions()['npm'][package]['version']}"
    program = folder / "node_modules" / ".bin" / package
    if not program.exists():
        wanted = f"{package}@{load_versions()['npm'][package]['version']}"
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), wanted]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return program


# --- what they say ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_workflows_are_valid_for_github(tmp_path: Path) -> None:
    schema = ("--builtin-schema", "vendor.github-workflows")
    assert (done := check("check-jsonschema", *schema, *WORKFLOWS)).returncode == 0, done.stdout
    planted = tmp_path / "ci.yaml"
    planted.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    assert check("check-jsonschema", *schema, planted).returncode == 1


@pytest.mark.slow
def test_the_pipeline_is_valid_for_gitlab(tmp_path: Path) -> None:
    schema = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    assert (done := check("check-jsonschema", *schema, GITLAB)).returncode == 0, done.stdout
    planted = tmp_path / ".gitlab-ci.yml"
    planted.write_text(GITLAB.read_text().replace("when: manual", "when: asked"))
    assert check("check-jsonschema", *schema, planted).returncode == 1


def test_zizmor_finds_nothing_in_the_workflows(tmp_path: Path) -> None:
    options = ("--offline", "--no-progress", "--persona=pedantic", "--min-severity=low", "--no-ignores")
    assert (done := check("zizmor", *options, *WORKFLOWS)).returncode == 0, done.stdout
    planted = tmp_path / "ci.yaml"
    planted.write_text(WORKFLOWS[0].read_text().replace("persist-credentials: false", "fetch-depth: 0"))
    assert "artipacked" in check("zizmor", *options, planted).stdout


@pytest.mark.parametrize("path", [*WORKFLOWS, GITLAB], ids=lambda path: path.name)
def test_what_a_job_needs_exists(path: Path) -> None:
    content = read(path)
    assert missing_needs(content.get("jobs", content)) == []


def test_the_rule_knows_a_job_that_does_not_exist() -> None:
    jobs: dict[str, Any] = {"a": {"needs": "b"}, "c": {"needs": [{"job": "d"}, "a"], "extends": ".e"}, "stages": ["a"]}
    assert missing_needs(jobs) == ["a: b", "c: d", "c: .e"]


def test_all_three_call_the_same_targets_and_each_exists() -> None:
    github = set().union(*(targets(path) for path in WORKFLOWS))
    assert github == targets(GITLAB) == targets(JENKINS)
    assert {"lint", "test", "test-slow", "release-N", "image-N", "scan-N", "publish-N", "sla-N", "deploy-N"} <= github
    assert github - targets_of_makefile() == set()


def test_the_pins_are_those_of_versions_toml() -> None:
    versions = load_versions()
    known = {f"{each['uses']} # {each['version']}" for each in versions["actions"].values()}
    text = "".join(path.read_text() for path in WORKFLOWS)
    used = set(re.findall(r"uses: ([^$\s]\S*(?: # \S+)?)", text))
    assert used == known
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used)
    images = {versions["images"][name]["reference"] for name in ("golang", "docker")}
    assert set(re.findall(r"\S+@sha256:[0-9a-f]{64}", GITLAB.read_text())) == images


def test_no_workflow_has_a_permission_that_a_job_does_not_ask_for() -> None:
    for path in WORKFLOWS:
        content = read(path)
        assert content["permissions"] == {}, path.name
        assert "group" in content["concurrency"], path.name
        assert [name for name, job in content["jobs"].items() if "permissions" not in job] == []
    assert "secrets." not in "".join(path.read_text() for path in WORKFLOWS)


def test_what_the_rules_ask_for_is_handed_on_by_the_jobs_that_made_it() -> None:
    """Registry, decisions, verdicts and logs by `gate`, bills of materials by `publish`; `policy` has them all."""
    made = {"registry", "sla", "drift", "audit"}
    release = next(path for path in WORKFLOWS if path.name == "release.yaml")
    jobs = read(release)["jobs"]
    given = {
        step["with"]["name"]: step["with"]["path"]
        for job in jobs.values()
        for step in job.get("steps", [])
        if "upload-artifact" in step.get("uses", "")
    }
    assert [each for each in made if each not in given["gate-${{ matrix.level }}"]] == []
    taken = {
        name: {step["with"]["name"] for step in jobs[name]["steps"] if "download-artifact" in step.get("uses", "")}
        for name in ("publish", "policy")
    }
    gate, published = "gate-${{ matrix.level }}", "published-${{ matrix.level }}"
    assert taken == {"publish": {gate}, "policy": {gate, published}}
    assert (jobs["publish"]["needs"], jobs["policy"]["needs"], jobs["staging"]["needs"]) == (
        "gate",
        "publish",
        "policy",
    )
    gitlab = read(GITLAB)
    assert [each for each in made if each not in " ".join(gitlab["gate"]["artifacts"]["paths"])] == []
    assert (gitlab["policy"]["needs"], gitlab["staging"]["needs"]) == (["gate", "publish"], ["publish", "policy"])
    stashed = dict(re.findall(r"stash name: '(\w+)', includes: '(.*)'", JENKINS.read_text()))
    assert [each for each in made if each not in stashed["gate"]] == []
    assert re.findall(r"unstash '(\w+)'", JENKINS.read_text()) == ["gate", "gate", "published"]


def test_production_waits_for_a_person_everywhere() -> None:
    deploy = next(path for path in WORKFLOWS if path.name == "deploy.yaml")
    assert read(deploy)["jobs"]["deploy"]["environment"] == "${{ inputs.environment }}"
    production = read(GITLAB)["production"]
    assert production["rules"][0]["when"] == "manual"
    assert production["rules"][0]["allow_failure"] == "false"
    stages = re.findall(r"stage\('([a-z ]+)'\)", JENKINS.read_text())
    assert stages.index("approval") == stages.index("production") - 1


# --- how they come to their places ------------------------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository that has no pipelines yet."""
    shutil.copytree(ROOT / "infra" / "pipelines", tmp_path / "infra" / "pipelines")
    return tmp_path


@pytest.mark.parametrize("provider", pipelines.PLACES)
def test_the_files_are_copied_as_they_stand(provider: str, clone: Path) -> None:
    source, target = pipelines.PLACES[provider]
    said = install(provider, clone)
    files = sorted((ROOT / source).iterdir()) if (ROOT / source).is_dir() else [ROOT / source]
    copies = sorted((clone / target).iterdir()) if (clone / target).is_dir() else [clone / target]
    assert [each.read_bytes() for each in copies] == [each.read_bytes() for each in files]
    assert [line.partition(":")[0] for line in said] == [str(each.relative_to(clone)) for each in copies]
    assert all(line.endswith(": up to date") for line in install(provider, clone))


def test_a_changed_copy_is_left_and_nothing_else_is_written(clone: Path) -> None:
    changed = clone / ".github/workflows/release.yaml"
    changed.parent.mkdir(parents=True)
    changed.write_text("name: ours\n")
    with pytest.raises(PipelineError, match=r"^\.github/workflows/release\.yaml: differs from ours and was left"):
        install("github", clone)
    assert [each.name for each in changed.parent.iterdir()] == ["release.yaml"]
    assert changed.read_text() == "name: ours\n"


def test_an_unknown_engine_is_named() -> None:
    done = subprocess.run(
        ["make", "install-ci", "PROVIDER=travis"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("install-ci: PROVIDER travis: expected one of github, gitlab, jenkins\n")


# --- run for real -----------------------------------------------------------------------------------------------------


def repository(folder: Path) -> None:
    """Makes the folder a git repository with a remote, which is where GitLab's variables come from."""
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    for command in (
        ("init", "-q", "-b", "main"),
        ("remote", "add", "origin", "git@gitlab.example.com:team/serving.git"),
    ):
        subprocess.run([*git, *command], cwd=folder, check=True)
    subprocess.run([*git, "add", "--force", ".gitlab-ci.yml", "Makefile"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "all"], cwd=folder, check=True)


class GitlabRunner:
    """GitLab's pipeline on this machine: each job by the shell, in a repository of its own, without its services.

    A service is a container, here the Docker engine beside a job.
    """

    def __init__(self, folder: Path, timeout_s: float = 240) -> None:
        self.folder, self.timeout_s, self.program = folder, timeout_s, npm("gitlab-ci-local")
        if shutil.which("rsync") is None:
            pytest.skip("no rsync, which gitlab-ci-local needs")
        install("gitlab", folder)
        copy = folder / ".gitlab-ci.yml"
        text, left_out = re.subn(r"^  services:\n(?:    .*\n)+", "", copy.read_text(), flags=re.MULTILINE)
        assert left_out == 1
        copy.write_text(text)
        repository(folder)
        tools = folder / "tools"
        tools.mkdir()
        for name in ("docker", "prometheus"):  # so that no job installs Debian's
            (tools / name).write_text('#!/bin/sh\ntest "$1" != login || cat >/dev/null\n')
            (tools / name).chmod(0o755)

    def run(self, *arguments: str, **variables: str) -> str:
        """What the jobs print, which have all passed."""
        done = self.start(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        given = [word for name, value in variables.items() for word in ("--variable", f"{name}={value}")]
        environment = os.environ | {"PATH": f"{self.folder / 'tools'}:{os.environ['PATH']}", "HOME": str(self.folder)}
        return subprocess.run(
            [self.program, "--force-shell-executor", "--color=false", *arguments, *given],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=self.timeout_s,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
def runner(clone: Path) -> GitlabRunner:
    (clone / "Makefile").write_text("%:\n\t@echo made $@ with $(REGISTRY) $(RELEASE) $(CONTEXT)\n")
    return GitlabRunner(clone)


def made(said: str) -> Iterator[tuple[str, str]]:
    """Each job's name and what it had made."""
    yield from re.findall(r"^(\S+(?:: \[\d\])?) +> made (\S+)", said, re.MULTILINE)


@pytest.mark.slow
def test_gitlabs_jobs_of_a_change_run_and_call_their_targets(runner: GitlabRunner) -> None:
    jobs = set(made(runner.run()))
    assert {("lint", "lint"), ("test", "test"), ("test-slow", "test-slow")} <= jobs
    assert {(f"images: [{n}]", f"scan-{n}") for n in "123"} <= jobs
    others = ("gate", "models", "publish", "staging", "production", "rollback")
    assert not {job for job, _ in jobs if job.startswith(others)}
    assert ("models", "release-1") in set(made(runner.run("models")))


@pytest.mark.slow
def test_gitlabs_jobs_of_a_release_run_in_their_order_and_stop_before_production(runner: GitlabRunner) -> None:
    said = list(made(runner.run(CI_COMMIT_TAG="v1.2.0", CI_REGISTRY="registry.example.com")))
    order = [job.partition(":")[0] for job, _ in said]
    assert list(dict.fromkeys(order)) == ["gate", "publish", "policy", "staging"]
    targets_1 = [target for job, target in said if job.endswith("[1]")]
    assert targets_1 == [
        "release-1", "train-1", "up-1", "sla-1", "drift-1", "down-1", "train-1", "image-1", "release-tools", "scan-1",
        "publish-1", "policy", "release-tools", "cluster-login", "deploy-1", "client-1",
    ]  # fmt: skip
    production = set(made(runner.run("production", CI_COMMIT_TAG="v1.2.0", CI_REGISTRY="registry.example.com")))
    assert {(f"production: [{n}]", f"deploy-{n}") for n in "123"} <= production
    back = runner.run("rollback: [2]", CI_COMMIT_TAG="v1.1.0", CI_REGISTRY_IMAGE="registry.example.com/team")
    assert "made deploy-2 with registry.example.com/team v1.1.0 release" in back


@pytest.mark.slow
def test_a_job_that_needs_no_job_fails_there(runner: GitlabRunner) -> None:
    text = (runner.folder / ".gitlab-ci.yml").read_text()
    (runner.folder / ".gitlab-ci.yml").write_text(text.replace("needs: [staging]", "needs: [stagging]"))
    with pytest.raises(AssertionError, match="stagging"):
        runner.run("--list", CI_COMMIT_TAG="v1.2.0")


@pytest.mark.slow
def test_gitlabs_gate_passes_for_real_if_level_1_keeps_its_promise(tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if not name.startswith(("tests/", "0[23]")) and (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / ".venvs").symlink_to(ROOT / ".venvs")
    for path in ROOT.glob("**/*_pb2*.py"):
        if ".venvs" not in path.parts:
            shutil.copy2(path, tmp_path / path.relative_to(ROOT))
    sla = tmp_path / "01-beginner-iris-api" / "sla.toml"
    text = re.sub(r"^p99_ms = .*", "p99_ms = 5000", sla.read_text(), flags=re.MULTILINE).replace(
        "ratio = 0.95", "ratio = 0.1"
    )
    sla.write_text(text + "\n[generator]\nlag_p99_ms = 60_000 # the machine is busy\ntimeout_s = 60\n")
    ports = dict(zip(("IRIS_PORT", "IRIS_GRPC_PORT"), map(str, free_ports(2)), strict=True))
    runner = GitlabRunner(tmp_path, timeout_s=1200)  # one job does all of a release
    code = ":".join(str(tmp_path / each) for each in ("shared", "01-beginner-iris-api", "infra/pipelines"))
    done = runner.start("gate: [1]", CI_COMMIT_TAG="v1.2.0", PYTHONPATH=code, **ports)
    assert (tmp_path / ".run/sla/1.json").exists(), done.stdout + done.stderr
    verdict = json.loads((tmp_path / ".run/sla/1.json").read_text())["verdict"]
    assert (done.returncode == 0) == (verdict == "met"), done.stdout
    assert "level 1: starting iris-api" in done.stdout
    assert (tmp_path / ".run/1/models/iris/1/model.json").exists()
    handed_on = RegistrySettings(
        tracking_uri=f"sqlite:///{tmp_path / '.run/registry-1/mlflow.db'}", artefacts=tmp_path / ".run/registry-1"
    )
    assert read_models(handed_on)["iris"].version(1).aliases == ("champion",)
    site = Site(read_models(handed_on), tmp_path / ".run", handed_on.artefacts, root=tmp_path)
    kept = {(each.subject, each.rule): each.said.result for each in judge(site, read_rulebook(), [1])}
    assert {kept["iris", "gate"], kept["iris", "bytes"], kept["", "decisions"], kept["", "audit"]} == {"met"}
    with pytest.raises(httpx.ConnectError):  # its after_script has stopped what it started
        httpx.get(f"http://127.0.0.1:{ports['IRIS_PORT']}/healthz", trust_env=False)


@pytest.mark.slow
def test_the_jenkinsfile_is_groovy(tmp_path: Path) -> None:
    lint = npm("npm-groovy-lint")
    if shutil.which("java") is None:
        pytest.skip(f"no Java {JAVA}, which npm-groovy-lint needs")

    def parse(folder: Path) -> subprocess.CompletedProcess[str]:
        options = ("--noserver", "--failon", "error", "--files", "**/Jenkinsfile", "--output", "json")
        command = [str(lint), "--path", str(folder), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    assert (done := parse(JENKINS.parent)).returncode == 0, done.stdout[-3000:]
    (tmp_path / "Jenkinsfile").write_text(JENKINS.read_text().replace("stage('gate') {", "stage('gate' {"))
    assert parse(tmp_path).returncode == 1
