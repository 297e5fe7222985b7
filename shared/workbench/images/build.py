"""Builds an image from a recipe."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workbench.images.engine import ContainerEngine, EngineError
from workbench.images.recipe import Recipe, python_image

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEVELOPMENT", "OWN_MB", "STAND_IN", "Image", "build"]

DEVELOPMENT = "dev"  # the tag that minikube overlays run
STAND_IN = "serving.base.stand-in"  # the label that infra/docker/standin-base.sh puts on the base it makes
OWN_MB = "image:own_mb"  # the property of a bill of materials that says what the image adds to its base

_CA_BUNDLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # what pip itself reads, in its order
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")
_DESCRIBED = ("describe", "--always", "--dirty", "--abbrev=12")
_COMMITTED = ("log", "-1", "--format=%ct")
_STANDARD_ERROR = 2
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Image:
    """A built image.

    Attributes:
        reference: its name and tag.
        id: the digest of its content.
        size_mb: how large it is, its base included.
        own_mb: what it adds to its base.
        base: what it is built on.
        stand_in: whether that base is the stand-in that ``infra/docker/standin-base.sh`` makes.
    """

    reference: str
    id: str
    size_mb: float
    own_mb: float
    base: str
    stand_in: bool

    def __str__(self) -> str:
        base = f"{self.base} (stand-in)" if self.stand_in else self.base
        size = f"{self.size_mb:.0f} MB, {self.own_mb:.0f} MB without its base"
        return f"{self.reference}  {size}  {self.id[7:19]}  base {base}"


def build(  # noqa: PLR0913 - those that say how are named
    engine: ContainerEngine,
    recipe: Recipe,
    *,
    tag: str = DEVELOPMENT,
    target: str = "",
    afresh: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> Image:
    """The image of ``recipe``, built as ``NAME:tag``; the engine's progress goes to standard error.

    ``target`` is a stage to build instead of the last one, in a Dockerfile that has it; others are built whole. A build
    ``afresh`` repeats every step, also those whose result the engine kept.

    The same repository gives the same layers, at any time and on any machine with the same base. From Docker 24 on the
    image carries the time ``SOURCE_DATE_EPOCH``, in seconds since 1970, or else that of the last commit, and its digest
    is the same, too; an older engine writes the time of the build into it.

    A proxy and a CA bundle that pip uses on this machine (``HTTPS_PROXY``, ``PIP_CERT`` and their like) also serve pip
    inside the build; neither is left in the image. With ``SHOP_SIGNED_BY`` level 3's model server takes only models
    that the owner of that key signed.

    Raises:
        RecipeError: something that the Dockerfile copies is missing.
        EngineError: the build failed.
    """
    recipe.check()
    reference = f"{recipe.name}:{tag}"
    command = [*_arguments(engine, recipe, environment), f"--tag={reference}", f"--build-arg=VERSION={tag}"]
    command += [f"--target={target}"] if target in recipe.stages() else []
    command += ["--no-cache"] if afresh else []
    # an attestation, which newer plugins add by themselves, says when the build was, and so no digest would come again
    settings = {**environment, "DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    argv = [engine.docker, *command, str(recipe.root)]
    done = subprocess.run(argv, env=settings, stdout=_STANDARD_ERROR, check=False)
    if done.returncode:
        raise EngineError(
            f"image {reference}: `docker build` failed with exit code {done.returncode}, its reason is above"
        )
    return _inspect(engine, reference)


def _arguments(engine: ContainerEngine, recipe: Recipe, environment: Mapping[str, str]) -> list[str]:
    arguments = ["buildx", "build", "--load"] if engine.buildx else ["build"]
    arguments += [f"--file={recipe.root / recipe.dockerfile}", f"--build-arg=PYTHON_IMAGE={_base(engine, recipe.root)}"]
    arguments += [f"--build-arg=REVISION={_git(recipe.root, *_DESCRIBED) or 'unknown'}"]
    if epoch := environment.get("SOURCE_DATE_EPOCH") or _git(recipe.root, *_COMMITTED):
        arguments.append(f"--build-arg=SOURCE_DATE_EPOCH={epoch}")
    arguments += [f"--build-arg={name}" for name in _PROXIES if environment.get(name)]
    bundle = next((path for name in _CA_BUNDLES if (path := environment.get(name)) and Path(path).is_file()), None)
    if bundle:
        arguments.append(f"--secret=id=ca,src={bundle}")
    if public_key := environment.get("SHOP_SIGNED_BY"):
        arguments.append(f"--secret=id=signed_by,src={public_key}")
    if _proxy_is_local(environment) or not engine.has_bridge():
        arguments.append("--network=host")
    return arguments


def _base(engine: ContainerEngine, root: Path) -> str:
    """The pinned base, by its digest; or the stand-in for it, which has the same name and another digest."""
    pinned = python_image(root)
    name = pinned.partition("@")[0]
    labels = engine.run("image", "ls", "--quiet", f"--filter=label={STAND_IN}", f"--filter=reference={name}")
    return name if labels.strip() else pinned


def _proxy_is_local(environment: Mapping[str, str]) -> bool:
    return any(urlsplit(environment.get(name, "")).hostname in _LOOPBACK for name in _PROXIES[:4])


def _git(root: Path, *arguments: str) -> str:
    """What git says about the repository; empty where it says nothing."""
    asked = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _inspect(engine: ContainerEngine, reference: str) -> Image:
    (seen,) = json.loads(engine.run("image", "inspect", reference))
    labels = seen["Config"]["Labels"]
    base = labels["org.opencontainers.image.base.name"]
    (below,) = json.loads(engine.run("image", "inspect", base))
    size, own = seen["Size"] / 1e6, (seen["Size"] - below["Size"]) / 1e6
    return Image(reference, seen["Id"], size, own, base, STAND_IN in labels)
