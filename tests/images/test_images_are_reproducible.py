"""The same repository gives the same images: each step is repeated, and each layer is the same, byte for byte."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.images.layers import differences
from tests.images.shop_context import write_context
from workbench.images import ContainerEngine, Image, Recipe, build, recipes
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.images

NAMES = [recipe.name for level in (1, 2, 3) for recipe in recipes(level)]
COMMITTED = "1700000000"
FILES_ARE_OF = "315532800"  # 1980-01-01
TIMED_SINCE = 24  # from this major version on, an engine's builder gives an image the time of SOURCE_DATE_EPOCH
PLANTED = """ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE} AS builder
COPY layer.sh /
RUN mkdir /equal /other && touch /equal/file && cp /proc/sys/kernel/random/uuid /other/random
RUN sh /layer.sh /layer /equal /other
FROM ${PYTHON_IMAGE}
COPY --from=builder /layer/ /
ARG PYTHON_IMAGE
LABEL org.opencontainers.image.base.name="${PYTHON_IMAGE}"
"""

Twins = tuple[Image, Image]


@pytest.fixture(scope="module")
def all_twins(engine: ContainerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Twins]]:
    """Each image, and the same one with every step repeated; one by one, because two such at once end Docker 20.10."""
    shop = write_context(tmp_path_factory.mktemp("shop"))
    every = [*recipes(1), *recipes(2), *recipes(3, shop)]
    built = {recipe.name: twins(engine, recipe) for recipe in every}
    yield built
    for one, other in built.values():
        engine.run("image", "rm", one.reference, other.reference)


def twins(engine: ContainerEngine, recipe: Recipe) -> Twins:
    environment = os.environ | {"SOURCE_DATE_EPOCH": COMMITTED}
    first = build(engine, recipe, tag="twin", environment=environment)
    kept = replace(first, reference=f"{recipe.name}:first")  # the tag is a label, and so must be the same in both
    engine.run("tag", first.reference, kept.reference)
    return kept, build(engine, recipe, tag="twin", afresh=True, environment=environment)


@pytest.mark.parametrize("name", NAMES)
def test_a_build_that_repeats_every_step_gives_the_same_layers(
    engine: ContainerEngine, all_twins: dict[str, Twins], name: str
) -> None:
    one, other = all_twins[name]
    assert differences(engine, one.reference, other.reference) == []


@pytest.mark.parametrize("name", NAMES)
def test_an_image_gives_the_same_configuration_and_where_the_engine_can_the_same_digest(
    engine: ContainerEngine, all_twins: dict[str, Twins], name: str
) -> None:
    one, other = (inspected(engine, image) for image in all_twins[name])
    assert one["Config"] == other["Config"]
    if int(engine.version.split(".")[0]) >= TIMED_SINCE:
        assert one["Id"] == other["Id"]


@pytest.mark.parametrize(("name", "folder"), [("iris-api", "/app"), ("shop-triton", "/repository/python/all")])
def test_no_file_of_ours_tells_when_it_was_built(
    engine: ContainerEngine, all_twins: dict[str, Twins], name: str, folder: str
) -> None:
    seen = engine.run("run", "--rm", "--entrypoint=stat", all_twins[name][0].reference, "--format=%Y", folder, "/opt")
    assert set(seen.split()) == {FILES_ARE_OF}


def test_the_file_that_differs_is_named(engine: ContainerEngine, tmp_path: Path) -> None:
    shutil.copy(ROOT / "infra/docker/layer.sh", tmp_path)
    shutil.copy(ROOT / "versions.toml", tmp_path)
    (tmp_path / "planted.Dockerfile").write_text(PLANTED)
    one, other = twins(engine, Recipe(1, "planted", Path("planted.Dockerfile"), tmp_path))
    try:
        (line,) = differences(engine, one.reference, other.reference)
    finally:
        engine.run("image", "rm", one.reference, other.reference)
    assert line.startswith(f"layer 1 other/random: {FILES_ARE_OF} 100644 0:0 ")


def inspected(engine: ContainerEngine, image: Image) -> dict[str, Any]:
    (seen,) = json.loads(engine.run("image", "inspect", image.reference))
    configuration: dict[str, Any] = seen
    return configuration
