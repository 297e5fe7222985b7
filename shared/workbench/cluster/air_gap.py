"""``make cluster-N-images``: the images that a cluster without a way out needs, listed and saved into one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.cluster.charts import chart_commands
from workbench.cluster.delivery import all_images
from workbench.cluster.deploy import find_overlay, rendered
from workbench.cluster.shell import ClusterError, say
from workbench.images import EngineError, find_engine
from workbench.manifests.documents import parse
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.versions import Cluster

__all__ = ["save_images"]


def save_images(level: Cluster, folder: Path = ROOT / ".run") -> None:
    """Lists the images of the level's manifests, pulls those that are missing here, and saves all to ``N/images.tar``.

    The operators' images are in their charts; ``helm template`` lists them, and the commands for it are printed.

    Raises:
        ClusterError: no Docker, or an image that is neither here nor can be pulled.
    """
    overlay = find_overlay(level.level)
    images = all_images(parse(rendered(level, overlay), str(overlay)))
    file = folder / str(level.level) / "images.tar"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        engine = find_engine()
        for image in images:
            say(image)
            if not engine.run("image", "ls", "--quiet", image):
                engine.run("pull", image, timeout_s=1800)
        engine.run("save", "--output", str(file), *images, timeout_s=1800)
    except EngineError as error:
        raise ClusterError(f"images of level {level.level}: {error}; `make image-{level.level}` builds ours") from None
    say(f"saved: {file}; on each node: ctr -n k8s.io images import images.tar, then IMAGES=none")
    for command in chart_commands(level, "CONTEXT", optional=False):
        if command.startswith("helm "):
            template = command.replace("upgrade --install", "template").partition(" --kube-context")[0]
            say(f"its images besides: {template}")
