"""How the images that were built here come to a cluster's nodes, and under which name.

A tag such as ``dev`` says nothing about what is in the image, so a cluster would keep running what it has under that
name. Images get a tag made from their content (``dev-1a2b3c4d5e6f``), or their digest where a registry has one: an
image built again is another one, and is rolled out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.cluster.shell import ClusterError, program, run
from workbench.images import EngineError, find_engine
from workbench.images.programs import ProgramError
from workbench.images.publish import PublishError, digest_of, fetch, verify
from workbench.terminal import say
from workbench.versions import load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.cluster.target import KubeContext
    from workbench.images import ContainerEngine
    from workbench.manifests import Document

__all__ = ["Way", "all_images", "choose_way", "deliver", "own_images", "renamed"]

_DIGITS = 12

Bring = Callable[[str], None]


@dataclass(frozen=True)
class Way:
    """How images come to the nodes: its name, and what brings one.

    ``registry`` is where they are pushed instead; with ``released`` they are there, signed, and run as they are.
    """

    name: str
    bring: Bring | None = None
    registry: str = ""
    released: bool = False


def choose_way(target: KubeContext, environment: Mapping[str, str] = os.environ) -> Way:
    """Returns what ``REGISTRY=host/path`` says, else ``IMAGES=WAY``, else the context's name.

    With ``RELEASE=tag`` the images are in that registry already.

    Raises:
        ClusterError: none of them says it, or a release is named without its registry.
    """
    if release := environment.get("RELEASE"):
        if not environment.get("REGISTRY"):
            raise ClusterError(f"RELEASE {release}: expected REGISTRY=host/path, where `make publish-N` put it")
        return Way(f"release {release} from {environment['REGISTRY']}", registry=environment["REGISTRY"], released=True)
    if registry := environment.get("REGISTRY"):
        return Way(f"pushed to {registry}", registry=registry.rstrip("/"))
    ways = _ways(target.context)
    named = environment.get("IMAGES") or _guess(target)
    if named == "none":
        return Way("there already")
    if named not in ways:
        known = f"IMAGES={', IMAGES='.join([*ways, 'none'])} or REGISTRY=host/path"
        what = (
            f"IMAGES={named}: no such way" if named else f"context {target.context}: say how images come to its nodes"
        )
        raise ClusterError(f"{what}: {known}")
    return Way(f"by {named}", ways[named])


def own_images(documents: list[Document]) -> list[str]:
    """Returns the images that are built here, not pulled: those of ``[images]`` with their development tag."""
    tables = load_versions()["images"].items()
    ours = {f"{name}:{table['development']}" for name, table in tables if "development" in table}
    return [image for image in all_images(documents) if image in ours]


def all_images(documents: list[Document]) -> list[str]:
    """Returns every image that the documents run."""
    return sorted({image for document in documents for image in _images(document.body)})


def deliver(images: list[str], way: Way, level: int) -> dict[str, str]:
    """Brings each image to the nodes; returns the name under which it is there.

    Raises:
        ClusterError: one is not built, or could not be brought.
    """
    if way.bring is None and not way.registry:
        return {}
    try:
        engine = find_engine()
        if way.released:
            return {image: _released(engine, image) for image in images}
        return {image: _deliver(engine, image, way, level) for image in images}
    except (EngineError, ProgramError, PublishError) as error:
        raise ClusterError(str(error)) from None


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Returns a stream of YAML with its images renamed."""
    for before, after in names.items():
        text = re.sub(rf'(\bimage: "?){re.escape(before)}(?="?\s*$)', rf"\g<1>{after}", text, flags=re.MULTILINE)
    return text


def _released(engine: ContainerEngine, image: str) -> str:
    """The name and digest of the image that was released, once its signature is the one asked for."""
    released = fetch(engine, image.rpartition(":")[0])
    verify(released)
    say(f"image {released.reference}: signed by whom SIGNER asks for")
    return released.reference


def _deliver(engine: ContainerEngine, image: str, way: Way, level: int) -> str:
    try:
        content = engine.run("image", "inspect", "--format={{.Id}}", image).removeprefix("sha256:")[:_DIGITS]
    except EngineError as error:
        raise ClusterError(f"image {image}: {error}; is it built? `make image-{level}`") from None
    name, _, tag = image.rpartition(":")
    named = f"{way.registry}/{name}:{tag}-{content}" if way.registry else f"{name}:{tag}-{content}"
    engine.run("tag", image, named)
    say(f"image {named}: {way.name}")
    if way.bring is not None:
        way.bring(named)
        return named
    engine.run("push", named, timeout_s=1800)
    return f"{named}@{digest_of(engine, named)}"


def _guess(target: KubeContext) -> str:
    for prefix in ("kind", "k3d"):
        if target.context.startswith(f"{prefix}-"):
            return prefix
    if target.own:
        return "minikube"
    minikube = shutil.which("minikube")
    if minikube and not run([minikube, "status", "--profile", target.context], check=False, quiet=True).returncode:
        return "minikube"
    return ""


def _ways(context: str) -> dict[str, Bring]:
    cluster = context.removeprefix("kind-").removeprefix("k3d-")
    return {
        "minikube": lambda image: _call("minikube", "image", "load", image, "--profile", context),
        "kind": lambda image: _call("kind", "load", "docker-image", image, "--name", cluster),
        "k3d": lambda image: _call("k3d", "image", "import", image, "--cluster", cluster),
        "k3s": lambda image: _piped(image, "k3s", "ctr", "images", "import", "-"),
        "ctr": lambda image: _piped(image, "ctr", "--namespace", "k8s.io", "images", "import", "-"),
    }


def _call(name: str, *arguments: str) -> None:
    run([program(name), *arguments])


def _piped(image: str, name: str, *arguments: str) -> None:
    """``docker save IMAGE | ctr images import -``, on the node itself."""
    command = [program(name), *arguments]
    with subprocess.Popen([find_engine().docker, "save", image], stdout=subprocess.PIPE) as saved:
        done = subprocess.run(command, stdin=saved.stdout, stdout=subprocess.DEVNULL, check=False)
    if saved.returncode or done.returncode:
        raise ClusterError(
            f"docker save {image} | {' '.join([name, *arguments])}: exit {saved.returncode or done.returncode}"
        )


def _images(body: Any) -> Iterator[str]:
    """Every container's image, in whatever kind of workload."""
    if isinstance(body, list):
        for each in body:
            yield from _images(each)
    elif isinstance(body, dict):
        if isinstance(body.get("image"), str):
            yield body["image"]
        for each in body.values():
            yield from _images(each)
