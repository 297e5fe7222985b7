"""``make cluster-N-images``: the images that a cluster without a way out needs, listed and saved into one file."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from typing import TYPE_CHECKING, Any

from workbench.cluster.charts import template_commands
from workbench.cluster.delivery import all_images
from workbench.cluster.deploy import find_overlay, rendered
from workbench.cluster.shell import ClusterError, run
from workbench.images import EngineError, find_engine
from workbench.manifests.documents import parse
from workbench.terminal import say
from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.images import ContainerEngine
    from workbench.manifests import Document
    from workbench.versions import Cluster

__all__ = ["named_images", "save_images"]

_TAGGED = re.compile(r"[a-z0-9][\w.:-]*(/[\w.-]+)+:[\w][\w.-]*(@sha256:[0-9a-f]{64})?")
_ARGUMENT = re.compile(r"--?[\w-]*image[\w-]*=(.+)")


def save_images(level: Cluster, folder: Path = ROOT / ".run") -> None:
    """Lists the images of the level and of its operators, pulls what is missing here, saves all to ``N/images.tar``.

    Without Helm the operators' images are not known; the commands that list them are printed.

    Raises:
        ClusterError: no Docker, a chart that cannot be had, or an image that is neither here nor can be pulled.
    """
    overlay = find_overlay(level.level)
    images = all_images(parse(rendered(level, overlay), str(overlay)))
    templates = template_commands(level)
    if shutil.which("helm"):
        images += [each for each in _operators_images(templates) if each not in images]
    file = folder / str(level.level) / "images.tar"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        _save(find_engine(), images, file)
    except EngineError as error:
        raise ClusterError(f"images of level {level.level}: {error}; `make image-{level.level}` builds ours") from None
    say(f"saved: {file}; with IMAGES=none after this on each node:")
    for command in ("import images.tar", *_renamed(images)):
        say(f"  ctr -n k8s.io images {command}")
    if templates and not shutil.which("helm"):
        listed = "".join(f"\n  {shlex.join(command)}" for command in templates.values())
        say(f"without the operators' images: helm is not on PATH; these commands show them:{listed}")


def named_images(documents: list[Document]) -> list[str]:
    """Returns the images that these documents run, and those that an operator among them is told to run.

    An operator is told in a container's arguments, in a variable that is called after an image, or in a ConfigMap.
    """
    told = {image for document in documents for image in _told(document.body) if _TAGGED.fullmatch(image)}
    return sorted({*all_images(documents), *told})


def _save(engine: ContainerEngine, images: list[str], file: Path) -> None:
    """Docker saves an image that is named by its digest without any name, so all are saved by their tags."""
    tags = []
    for image in images:
        say(image)
        if not engine.run("image", "ls", "--quiet", image):
            engine.run("pull", image, timeout_s=1800)
        tag, _, digest = image.partition("@")
        if digest:
            engine.run("tag", image, tag)
        tags.append(tag)
    engine.run("save", "--output", str(file), *tags, timeout_s=1800)


def _renamed(images: list[str]) -> Iterator[str]:
    """What gives imported images the names that a node looks for: where there is a digest, it ignores the tag."""
    for image in images:
        tag, _, digest = image.partition("@")
        if digest:
            first, slash, _ = tag.partition("/")
            registry = "" if slash and (first == "localhost" or set(".:") & set(first)) else "docker.io/"
            full = f"{registry}{'' if slash else 'library/'}{tag}"
            yield f"tag {full} {full.rpartition(':')[0]}@{digest}"


def _operators_images(templates: dict[str, list[str]]) -> list[str]:
    """What the charts name, and what an operator starts without its chart naming it (`starts` in versions.toml)."""
    charts = load_versions()["charts"]
    found: list[str] = []
    for name, command in templates.items():
        say(f"chart {name} {charts[name]['version']}")
        text = run(command, quiet=True, remedy="is its repository within reach?").stdout
        found += [*named_images(parse(text, name)), *charts[name].get("starts", [])]
    return sorted(set(found))


def _told(node: Any) -> Iterator[str]:
    match node:
        case {"name": str(name), "value": str(value)} if "IMAGE" in name.upper():
            yield value
        case {"kind": "ConfigMap", "data": dict(data)}:
            for text in data.values():
                yield from _in_config(text)
        case dict():
            for key, value in node.items():
                yield from _arguments(value) if key in {"args", "command"} else _told(value)
        case list():
            for value in node:
                yield from _told(value)


def _arguments(words: Any) -> Iterator[str]:
    found = (_ARGUMENT.fullmatch(str(word)) for word in words or [])
    return (match[1] for match in found if match)


def _in_config(text: str) -> Iterator[str]:
    """What stands under ``image`` in a text that is JSON, as those of KServe's and Seldon's ConfigMaps are."""
    try:
        pending = [json.loads(text)]
    except ValueError:
        return
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if isinstance(node.get("image"), str):
                yield node["image"]
            pending += node.values()
        elif isinstance(node, list):
            pending += node
