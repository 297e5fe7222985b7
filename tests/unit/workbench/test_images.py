"""What ``workbench.images`` asks of Docker, and what it says when Docker cannot.

A script that notes what it is asked and answers by a table stands in for the client; tests/images/ has a real engine.
"""

from __future__ import annotations

import os
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.unit.workbench.fake_docker import ANSWERS, FakeDocker, make_client
from workbench.images import Container, ContainerEngine, EngineError, RecipeError, build, find_engine, recipes
from workbench.images.__main__ import main
from workbench.images.build import _base
from workbench.images.sbom import write_bill

if TYPE_CHECKING:
    from pathlib import Path

AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org")


@pytest.fixture
def client(tmp_path: Path) -> FakeDocker:
    return make_client(tmp_path / "bin")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one image of level 7, whose model is not trained yet."""
    root = tmp_path / "repository"
    (root / "07-expert-oracle/docker").mkdir(parents=True)
    (root / "07-expert-oracle/oracle").mkdir()
    (root / "versions.toml").write_text('[images.python]\nreference = "python:3.11.0"\n')
    (root / "07-expert-oracle/docker/oracle.Dockerfile").write_text(
        "FROM scratch\nCOPY --chown=1:1 07-expert-oracle/oracle \\\n  /app\nCOPY --from=builder /opt/venv /opt/venv\n"
        "COPY .run/7/models/oracle /models\n"
    )
    return root


def train(repository: Path) -> None:
    (repository / ".run/7/models/oracle").mkdir(parents=True)


# --- engine ----------------------------------------------------------------------------------------------------------


def test_the_first_client_that_can_build_is_taken(tmp_path: Path) -> None:
    hidden = make_client(tmp_path / "a", {**ANSWERS, "version": "28.2.2 20.10.24"})
    whole = make_client(tmp_path / "b")
    found = find_engine({"PATH": os.pathsep.join(map(str, (hidden.path.parent, whole.path.parent, "/bin")))})
    assert found == ContainerEngine(str(whole.path), "20.10.24", buildx=False)


def test_a_client_named_by_docker_is_the_only_one_tried(tmp_path: Path, client: FakeDocker) -> None:
    named = make_client(tmp_path / "named", {**ANSWERS, "version": "28.2.2 27.0.1"}, fails=())
    found = find_engine({"DOCKER": str(named.path), "PATH": str(client.path.parent)})
    assert found == ContainerEngine(str(named.path), "27.0.1", buildx=True)
    assert client.asked == []


def test_without_a_client_the_message_says_so_and_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        find_engine({"PATH": str(tmp_path)})
    assert str(caught.value) == (
        "Docker: no docker on PATH: install or start one as infra/docker/README.md says, "
        "or name a client with DOCKER=/path/to/docker"
    )


def test_the_message_has_the_reason_of_each_client_that_was_tried(tmp_path: Path) -> None:
    silent = make_client(tmp_path / "a", {"version": "Client: 20.10.24\nCannot connect to the daemon."}, ("version",))
    hidden = make_client(tmp_path / "b", {"version": "28.2.2 20.10.24"})
    with pytest.raises(EngineError) as caught:
        find_engine({"PATH": f"{silent.path.parent}{os.pathsep}{hidden.path.parent}"})
    assert str(caught.value).startswith(
        f"Docker: {silent.path}: Cannot connect to the daemon.; "
        f"{hidden.path}: version 28.2.2 lacks the buildx plugin, without which it cannot build: install or start one"
    )


def test_a_reason_that_two_clients_share_is_said_once(tmp_path: Path) -> None:
    first, second = (make_client(tmp_path / name, {"version": "Is it running?"}, ("version",)) for name in "ab")
    with pytest.raises(EngineError, match=f"^Docker: {first.path}, {second.path}: Is it running[?]: install or start"):
        find_engine({"PATH": f"{first.path.parent}{os.pathsep}{second.path.parent}"})


def test_a_docker_that_cannot_be_executed_is_a_reason_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nowhere: .*No such file"):
        find_engine({"DOCKER": str(tmp_path / "nowhere")})


def test_a_command_that_hangs_is_given_up(client: FakeDocker) -> None:
    client.path.write_text("#!/bin/sh\nexec sleep 30\n")
    with pytest.raises(EngineError, match=r"docker ps: no answer within 0\.2 s"):
        client.engine.run("ps", timeout_s=0.2)


# --- recipe ----------------------------------------------------------------------------------------------------------


def test_an_image_is_called_like_its_dockerfile(repository: Path) -> None:
    (recipe,) = recipes(7, repository)
    assert recipe.name == "oracle"
    assert recipe.sources() == ["07-expert-oracle/oracle", ".run/7/models/oracle"]


def test_a_level_may_have_several_images(repository: Path) -> None:
    for name in ("router", "gateway"):
        (repository / f"07-expert-oracle/docker/{name}.Dockerfile").touch()
    assert [recipe.name for recipe in recipes(7, repository)] == ["gateway", "oracle", "router"]


def test_an_unknown_level_is_named(repository: Path) -> None:
    with pytest.raises(RecipeError, match=r"^level 8: no 08-\*/docker/\*\.Dockerfile in "):
        recipes(8, repository)


def test_a_missing_model_names_the_target_that_makes_it(repository: Path) -> None:
    (recipe,) = recipes(7, repository)
    with pytest.raises(RecipeError) as caught:
        recipe.check()
    assert str(caught.value) == (
        "07-expert-oracle/docker/oracle.Dockerfile: copies .run/7/models/oracle, which is not there: "
        "`make train-7` writes it"
    )


def test_a_missing_source_is_to_be_restored(repository: Path) -> None:
    (repository / "07-expert-oracle/oracle").rmdir()
    with pytest.raises(RecipeError, match=r"copies 07-expert-oracle/oracle, .*: restore it from version control$"):
        recipes(7, repository)[0].check()


# --- build -----------------------------------------------------------------------------------------------------------


def test_a_build_hands_over_the_pinned_base_and_reports_the_image(client: FakeDocker, repository: Path) -> None:
    train(repository)
    image = build(client.engine, recipes(7, repository)[0], tag="1.0", environment={"PATH": os.environ["PATH"]})
    assert str(image) == "oracle:1.0  123 MB, 0 MB without its base  0123456789ab  base python:3.11 (stand-in)"
    command = client.last_build
    assert command.startswith(
        f"build --file={repository}/07-expert-oracle/docker/oracle.Dockerfile --build-arg=PYTHON_IMAGE=python:3.11.0 "
    )
    assert command.endswith(f"--tag=oracle:1.0 --build-arg=VERSION=1.0 {repository}")
    assert "--secret" not in command
    assert "--network" not in command


def test_a_build_is_told_the_time_of_the_commit_unless_the_environment_names_another(
    client: FakeDocker, repository: Path
) -> None:
    train(repository)
    (recipe,) = recipes(7, repository)
    environment = {"PATH": os.environ["PATH"]}
    build(client.engine, recipe, environment=environment)
    assert "SOURCE_DATE_EPOCH" not in client.last_build, "outside a repository there is no commit"
    for command in (["init", "--quiet"], [*AUTHOR, "commit", "--quiet", "--allow-empty", "--message=first"]):
        subprocess.run(
            ["git", *command], cwd=repository, check=True, env=os.environ | {"GIT_COMMITTER_DATE": "@77 +0000"}
        )
    build(client.engine, recipe, environment=environment)
    assert "--build-arg=SOURCE_DATE_EPOCH=77 " in client.last_build
    build(client.engine, recipe, afresh=True, environment=environment | {"SOURCE_DATE_EPOCH": "88"})
    assert "--build-arg=SOURCE_DATE_EPOCH=88 " in client.last_build
    assert "--no-cache" in client.last_build


def test_a_stage_is_built_alone_where_the_dockerfile_has_it(client: FakeDocker, repository: Path) -> None:
    train(repository)
    dockerfile = repository / "07-expert-oracle/docker/oracle.Dockerfile"
    text = dockerfile.read_text()
    environment = {"PATH": os.environ["PATH"]}
    build(client.engine, recipes(7, repository)[0], target="production", environment=environment)
    assert "--target" not in client.last_build
    dockerfile.write_text(f"FROM scratch AS production\n{text}")
    build(client.engine, recipes(7, repository)[0], target="production", environment=environment)
    assert "--target=production" in client.last_build


def test_a_ca_bundle_is_a_secret_and_a_proxy_an_argument_without_its_value(
    client: FakeDocker, repository: Path
) -> None:
    train(repository)
    bundle = repository / "ca.pem"
    bundle.touch()
    settings = {"PATH": os.environ["PATH"], "PIP_CERT": str(bundle), "HTTPS_PROXY": "http://user:secret@proxy:3128"}
    build(client.engine, recipes(7, repository)[0], environment=settings)
    command = client.last_build
    assert f"--secret=id=ca,src={bundle}" in command
    assert "--build-arg=HTTPS_PROXY --" in command
    assert "user:secret" not in command


def test_who_must_have_signed_the_models_is_told_to_the_build(client: FakeDocker, repository: Path) -> None:
    train(repository)
    settings = {"PATH": os.environ["PATH"], "SHOP_SIGNED_BY": "/keys/models.pub"}
    build(client.engine, recipes(7, repository)[0], environment=settings)
    assert "--secret=id=signed_by,src=/keys/models.pub" in client.last_build


def test_a_proxy_on_this_machine_needs_its_network(client: FakeDocker, repository: Path) -> None:
    train(repository)
    settings = {"PATH": os.environ["PATH"], "HTTPS_PROXY": "http://127.0.0.1:3128"}
    build(client.engine, recipes(7, repository)[0], environment=settings)
    assert "--network=host" in client.last_build


def test_with_the_buildx_plugin_the_image_is_loaded_into_the_engine(tmp_path: Path, repository: Path) -> None:
    train(repository)
    client = make_client(tmp_path / "bin", {**ANSWERS, "network": "", "buildx": "v0.20"}, fails=())
    seen = tmp_path / "environment"
    client.path.write_text(client.path.read_text().replace("case ", f'[ "$1" = buildx ] && env >{seen}\ncase ', 1))
    build(ContainerEngine(str(client.path), "28.2.2", buildx=True), recipes(7, repository)[0], environment=os.environ)
    assert client.last_build.startswith("buildx build --load ")
    assert "BUILDX_NO_DEFAULT_ATTESTATIONS=1" in seen.read_text().splitlines()
    assert "--network=host" in client.last_build


def test_a_failed_build_points_at_its_output(tmp_path: Path, repository: Path) -> None:
    train(repository)
    client = make_client(tmp_path / "bin", fails=("build",))
    with pytest.raises(EngineError) as caught:
        build(client.engine, recipes(7, repository)[0], environment=os.environ)
    assert str(caught.value) == "image oracle:dev: `docker build` failed with exit code 1, its reason is above"


# --- container -------------------------------------------------------------------------------------------------------


def test_a_container_is_hardened_published_and_removed(client: FakeDocker, tmp_path: Path) -> None:
    with Container(
        client.engine,
        "oracle:dev",
        ports={"ORACLE_PORT": 8700},
        environment={"A": "b"},
        mounts={tmp_path: "/models"},
        command=("--workers", "2"),
    ) as container:
        assert container.addresses == {"ORACLE_PORT": "127.0.0.1:49153"}
        assert container.state()["Status"] == "running"
        assert container.logs() == "ready"
        assert container.execute("id", "-u") == ""
        assert container.stop(grace_s=5) == 143
    assert (
        "create --publish=127.0.0.1::8700 --read-only --cap-drop=ALL --security-opt=no-new-privileges --pids-limit=256 "
        f"--memory=256m --env=A=b --volume={tmp_path}:/models:ro oracle:dev --workers 2"
    ) in client.asked
    assert client.asked[-3:] == ["stop --time=5 c0ffee", "wait c0ffee", "rm --force --volumes c0ffee"]


def test_without_a_bridge_the_service_moves_to_a_free_port_of_this_machine(tmp_path: Path) -> None:
    client = make_client(tmp_path / "bin", {**ANSWERS, "network": ""})
    with Container(client.engine, "oracle:dev", ports={"ORACLE_PORT": 8700}) as container:
        host, port = container.addresses["ORACLE_PORT"].split(":")
    assert host == "127.0.0.1"
    assert f"create --network=host --env=ORACLE_PORT={port} " in client.asked[1]


def test_a_container_that_does_not_start_is_removed(tmp_path: Path) -> None:
    client = make_client(tmp_path / "bin", {**ANSWERS, "start": "no such entry point"}, fails=("start",))
    with (
        pytest.raises(EngineError, match="docker start: exit code 1: no such entry point"),
        Container(client.engine, "oracle:dev"),
    ):
        pytest.fail("entered")
    assert client.asked[-1] == "rm --force --volumes c0ffee"


def test_a_container_that_has_ended_at_once_has_no_ports_and_can_still_be_asked_why(tmp_path: Path) -> None:
    gone = {
        **ANSWERS,
        "port": "No public port '8700/tcp' published",
        "inspect": '{"Status": "exited", "Running": false}',
    }
    client = make_client(tmp_path / "bin", gone, fails=("port",))
    with Container(client.engine, "oracle:dev", ports={"ORACLE_PORT": 8700}) as container:
        assert (container.addresses, container.logs()) == ({}, "ready")
    running = {**gone, "inspect": '{"Status": "running", "Running": true}'}
    client = make_client(tmp_path / "other", running, fails=("port",))
    with (
        pytest.raises(EngineError, match="No public port"),
        Container(client.engine, "oracle:dev", ports={"ORACLE_PORT": 8700}),
    ):
        pytest.fail("entered")


# --- command ---------------------------------------------------------------------------------------------------------


def test_the_command_reports_what_is_missing_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DOCKER", raising=False)
    assert main(["build", "1"]) == 1
    written = capfd.readouterr()
    assert written.out == ""
    assert written.err.startswith("Docker: no docker on PATH: install or start one")
    assert written.err.count("\n") == 1


def test_the_command_builds_every_image_of_the_level(
    client: FakeDocker,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    repository: Path,
    tmp_path: Path,
) -> None:
    train(repository)
    monkeypatch.setenv("DOCKER", str(client.path))
    monkeypatch.setattr("workbench.images.__main__.write_bill", partial(write_bill, folder=tmp_path))
    monkeypatch.setattr("workbench.images.__main__.recipes", lambda level: recipes(level, repository))
    assert main(["build", "7", "--tag", "2.0"]) == 0
    built, bill = capfd.readouterr().out.splitlines()
    assert built == "oracle:2.0  123 MB, 0 MB without its base  0123456789ab  base python:3.11 (stand-in)"
    assert bill == f"  bill of materials: {tmp_path / 'oracle.cdx.json'}"


@pytest.mark.parametrize(("listed", "base"), [("0123456789ab", "python:3.11.0"), ("", "python:3.11.0@sha256:0a")])
def test_the_base_is_pinned_by_its_digest_but_for_a_stand_in(
    tmp_path: Path, repository: Path, listed: str, base: str
) -> None:
    (repository / "versions.toml").write_text('[images.python]\nreference = "python:3.11.0@sha256:0a"\n')
    client = make_client(tmp_path / "engine", {**ANSWERS, "image": listed})
    assert _base(client.engine, repository) == base
    assert client.asked[-1] == "image ls --quiet --filter=label=serving.base.stand-in --filter=reference=python:3.11.0"
