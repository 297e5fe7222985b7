"""Every package's licence is one that is accepted; what a package states is read as it means it."""

from __future__ import annotations

from email.message import Message
from typing import TYPE_CHECKING

import pytest

from workbench import licences
from workbench.licences import installed, licence_of, refused
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def stated(**fields: str | list[str]) -> Message:
    message = Message()
    for name, values in fields.items():
        for value in [values] if isinstance(values, str) else values:
            message.add_header(name.replace("_", "-"), value)
    return message


@pytest.mark.parametrize(
    "environments",
    [("main", "seldon", "triton"), pytest.param(("airflow", "assistant", "kubeflow"), marks=pytest.mark.slow)],
)
def test_every_package_of_the_environments_has_an_accepted_licence(environments: tuple[str, ...]) -> None:
    packages = installed([ROOT / ".venvs" / name for name in environments])
    assert {package.environment for package in packages} == set(environments)
    assert [package for package in packages if refused(package.licence)] == []


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        (stated(License_Expression="MIT AND PSF-2.0", License="GPL"), "MIT AND PSF-2.0"),
        (stated(License="Apache License 2.0"), "Apache-2.0"),
        (stated(License="Copyright (c) NumPy", Classifier="License :: OSI Approved :: BSD License"), "BSD"),
        (stated(License="Dual License", Classifier=["License :: BSD License", "License :: MIT License"]), "BSD OR MIT"),
        (stated(License="Business Source License 1.1"), "Business Source License 1.1"),
        (stated(Classifier="Topic :: Software"), "none stated"),
    ],
)  # fmt: skip
def test_what_a_package_states_is_read_as_it_means_it(metadata: Message, licence: str) -> None:
    assert licence_of(metadata) == licence


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-only", "MIT AND GPL-3.0-only", "MIT OR (BSL-1.1 AND MIT)", "none stated", ""]
)
def test_other_licences_are_refused(licence: str) -> None:
    assert refused(licence)


def test_the_command_lists_licences_and_fails_on_one_that_is_not_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "ROOT", tmp_path)
    for name, licence in (("good", "MIT"), ("bad", "AGPL-3.0-only")):
        folder = tmp_path / f".venvs/main/lib/python3.11/site-packages/{name}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense-Expression: {licence}\n"
        )
        (tmp_path / ".venvs/main/pyvenv.cfg").touch()
        assert licences.main() == (1 if name == "bad" else 0)
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()[-2:]] == [
        ["bad", "1.0", "main", "AGPL-3.0-only"],
        ["good", "1.0", "main", "MIT"],
    ]
    assert err.startswith("error: bad 1.0: AGPL-3.0-only: expected one of 0BSD, Apache-2.0,")


def test_what_is_installed_by_choice_is_listed_and_not_held_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "ROOT", tmp_path)
    folder = tmp_path / ".venvs/gpu/lib/python3.11/site-packages/nvidia_cublas-13.1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: nvidia-cublas\nVersion: 13.1\nLicense-Expression: LicenseRef-NVIDIA-Proprietary\n"
    )
    (tmp_path / ".venvs/gpu/pyvenv.cfg").touch()
    assert licences.main() == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-2].split() == ["nvidia-cublas", "13.1", "gpu", "LicenseRef-NVIDIA-Proprietary"]
    assert out[-1].startswith(".venvs/gpu is not held to the accepted licences: NVIDIA's own terms")
