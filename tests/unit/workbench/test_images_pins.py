"""Every Dockerfile of the repository takes its base from ``versions.toml`` and copies only what the context holds."""

from __future__ import annotations

import re

import pytest

from workbench.images.build import DEVELOPMENT
from workbench.images.recipe import Recipe, python_image, recipes, release_recipe
from workbench.versions import ROOT, load_versions

RECIPES = [recipe for level in (1, 2, 3) if [*ROOT.glob(f"{level:02}-*/**/*Dockerfile")] for recipe in recipes(level)]

EVERY = [*RECIPES, release_recipe()]


def name(recipe: Recipe) -> str:
    return recipe.name


def test_the_pin_is_one_release_of_one_variant() -> None:
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", python_image())


@pytest.mark.parametrize("recipe", EVERY, ids=name)
def test_a_dockerfile_takes_its_bases_from_the_pins(recipe: Recipe) -> None:
    text = (recipe.root / recipe.dockerfile).read_text(encoding="utf-8")
    bases = dict(re.findall(r"^ARG (\w+)_IMAGE=(.+)$", text, re.MULTILINE))
    images = load_versions()["images"]
    assert bases == {base: images[base.lower()]["reference"] for base in bases}
    assert bases["PYTHON"] == python_image()
    stages = set(re.findall(r" AS (\S+)$", text, re.MULTILINE))
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= {*stages, *(f"${{{base}_IMAGE}}" for base in bases)}


@pytest.mark.parametrize("recipe", EVERY, ids=name)
def test_a_dockerfile_copies_only_what_the_context_admits(recipe: Recipe) -> None:
    own = recipe.root / f"{recipe.dockerfile}.dockerignore"
    lines = (own if own.exists() else recipe.root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    admitted = [line[1:] for line in lines if line.startswith("!")]
    assert lines.index("*") < lines.index(f"!{admitted[0]}")
    for source in recipe.sources():
        assert any(f"{source}/".startswith(f"{folder}/") for folder in admitted), f"{source}: add it to .dockerignore"


@pytest.mark.parametrize("recipe", RECIPES, ids=name)
def test_the_tag_built_is_the_one_that_manifests_run_on_minikube(recipe: Recipe) -> None:
    assert load_versions()["images"][recipe.name]["development"] == DEVELOPMENT
