"""How Triton is started."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from shop.addresses import Addresses
from shop.serving.settings import TritonSettings
from shop.serving.triton import TritonError, command, environment, prepare_backends
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HERE = TritonSettings(environment=ROOT / ".venvs/triton")


def test_triton_listens_on_this_machine_only(tmp_path: Path) -> None:
    words = command(Addresses(run_dir=tmp_path), HERE, "k")
    for name in ("http", "grpc", "metrics"):
        assert f"--{name}-address=127.0.0.1" in words
    assert f"--model-repository={tmp_path}/triton/repository" in words


def test_tritons_models_run_on_the_python_that_comes_first_on_its_path() -> None:
    path = environment(HERE)["PATH"].split(":")
    assert path[0] == str(ROOT / ".venvs/triton/bin")
    assert "nvidia_pytriton.libs" in environment(HERE)["LD_LIBRARY_PATH"]


def test_the_backend_lies_beside_the_stub_of_that_pythons_version(tmp_path: Path) -> None:
    folder = prepare_backends(Addresses(run_dir=tmp_path), HERE) / "python"
    assert (folder / "libtriton_python.so").exists()
    assert f"/{sys.version_info.major}.{sys.version_info.minor}/" in str(
        (folder / "triton_python_backend_stub").resolve()
    )
    prepare_backends(Addresses(run_dir=tmp_path), HERE)  # again, over what is there


def test_an_environment_that_is_not_there_or_has_no_triton_is_named(tmp_path: Path) -> None:
    with pytest.raises(TritonError, match=r"nowhere/bin/python: .*: `make setup` creates the environment"):
        environment(TritonSettings(environment=tmp_path / "nowhere"))
    with pytest.raises(TritonError, match=r"site-packages: no nvidia-pytriton in it: `make setup` installs it"):
        environment(TritonSettings(environment=ROOT / ".venvs/main"))


def test_an_image_alone_takes_no_orders() -> None:
    recipe = (ROOT / "03-advanced-multimodel-kserve/docker/shop-triton.Dockerfile").read_text()
    started = [line for line in recipe.splitlines() if line.startswith("CMD [")]
    assert ['"--model-control-mode=none"' in line for line in started] == [True, True]
