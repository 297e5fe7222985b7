"""The bill of materials of an image: what its container says it consists of, as CycloneDX."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.cyclonedx_schema import check_bill
from tests.unit.workbench.fake_docker import ANSWERS, make_client
from workbench.images.build import Image
from workbench.images.sbom import bill_of_materials

if TYPE_CHECKING:
    from pathlib import Path

INSIDE: dict[str, Any] = {
    "python": [
        [["Name", "msgspec"], ["Version", "0.22.0"], ["License-Expression", "BSD-3-Clause"]],
        [["Name", "odd"], ["Version", "1"], ["License", "Something of its own"]],
    ],
    "debian": [["libc6", "2.36-9+deb12u10", "amd64"]],
    "models": [["iris", "1", "a" * 64], ["iris", "1", "a" * 64]],
}
IMAGE = Image("registry.example.com:5000/iris-api:1.0", "sha256:0123", 400.0, 200.0, "python:3.11", stand_in=False)


def bill(folder: Path) -> bytes:
    return bill_of_materials(make_client(folder, ANSWERS | {"run": json.dumps(INSIDE)}).engine, IMAGE)


def test_a_bill_is_what_the_standard_asks_for(tmp_path: Path) -> None:
    check_bill(bill(tmp_path))


def test_every_part_has_a_name_that_scanners_know(tmp_path: Path) -> None:
    document = json.loads(bill(tmp_path))
    assert {(each["type"], each.get("purl"), each["version"]) for each in document["components"]} == {
        ("library", "pkg:pypi/msgspec@0.22.0", "0.22.0"),
        ("library", "pkg:pypi/odd@1", "1"),
        ("library", "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64", "2.36-9+deb12u10"),
        ("machine-learning-model", None, "1"),
    }
    assert document["metadata"]["component"]["name"] == "registry.example.com:5000/iris-api"


def test_licences_are_those_of_spdx_or_what_the_package_says(tmp_path: Path) -> None:
    licences = {each["name"]: each.get("licenses") for each in json.loads(bill(tmp_path))["components"]}
    assert licences["msgspec"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert licences["odd"] == [{"license": {"name": "Something of its own"}}]


def test_a_model_in_two_repositories_is_one_part_with_its_checksum(tmp_path: Path) -> None:
    (model,) = [each for each in json.loads(bill(tmp_path))["components"] if each["type"] == "machine-learning-model"]
    assert model["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]


def test_a_bill_says_what_the_image_adds_to_its_base(tmp_path: Path) -> None:
    assert {"name": "image:own_mb", "value": "200.0"} in json.loads(bill(tmp_path))["metadata"]["properties"]


def test_the_same_image_gives_the_same_document(tmp_path: Path) -> None:
    assert bill(tmp_path / "once") == bill(tmp_path / "again")
