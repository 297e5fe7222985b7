"""Which images a level has, and what each build needs from the repository.

By convention a level's folder holds ``docker/NAME.Dockerfile`` for the image NAME.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from workbench.versions import ROOT, load_versions

__all__ = ["Recipe", "RecipeError", "assistant_recipe", "python_image", "recipes", "release_recipe"]

_RELEASE = "release"
_CONTINUATION = re.compile(r"\\\s*\n")


class RecipeError(RuntimeError):
    """A level has no Dockerfile, or a build would lack a file; the message names it and the remedy."""


@dataclass(frozen=True)
class Recipe:
    """One image to build.

    Args:
        level: the level's number.
        name: the image's name, without registry and tag.
        dockerfile: path of the Dockerfile, below ``root``.
        root: the repository's root, which is the build's context.
    """

    level: int
    name: str
    dockerfile: Path
    root: Path = ROOT

    def stages(self) -> list[str]:
        """The stages that have a name; the last one is what is built when none is asked for."""
        text = (self.root / self.dockerfile).read_text(encoding="utf-8")
        return re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE)

    def sources(self) -> list[str]:
        """What the Dockerfile copies from the context, as written there."""
        text = _CONTINUATION.sub(" ", (self.root / self.dockerfile).read_text(encoding="utf-8"))
        copies = [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("COPY ")]
        return [
            source
            for words in copies
            if "--from=" not in words[0]
            for source in words[:-1]
            if not source.startswith("--")
        ]

    def check(self) -> None:
        """Checks that every source exists.

        Raises:
            RecipeError: a source is missing; the text names the target that makes it.
        """
        for source in self.sources():
            if not any(self.root.glob(source)):
                raise RecipeError(f"{self.dockerfile}: copies {source}, which is not there: {self._remedy(source)}")

    def _remedy(self, source: str) -> str:
        if not source.startswith(".run/"):
            return "restore it from version control"
        target = "image" if "/packed/" in source else "train"
        return f"`make {target}-{self.level}` writes it"


def recipes(level: int, root: Path = ROOT) -> list[Recipe]:
    """The images of a level, in the order of their names.

    Raises:
        RecipeError: there is no such level, or it has no Dockerfile.
    """
    for folder in root.glob(f"{level:02}-*"):
        if found := [
            Recipe(level, path.name.removesuffix(".Dockerfile"), path.relative_to(root), root)
            for path in sorted(folder.glob("docker/*.Dockerfile"))
        ]:
            return found
    raise RecipeError(f"level {level}: no {level:02}-*/docker/*.Dockerfile in {root}")


def release_recipe(root: Path = ROOT) -> Recipe:
    """The image in which a pipeline's tasks release level 1's model."""
    return Recipe(1, _RELEASE, Path("infra/pipelines/kubeflow/release.Dockerfile"), root)


def assistant_recipe(root: Path = ROOT) -> Recipe:
    """The image of level 3's assistant, which nobody needs who runs the level without it."""
    file = Path("03-advanced-multimodel-kserve/assistant/docker/shop-assistant.Dockerfile")
    return Recipe(3, file.name.removesuffix(".Dockerfile"), file, root)


def python_image(root: Path = ROOT) -> str:
    """The pinned base image of every Python service, from ``versions.toml``."""
    return str(load_versions(root / "versions.toml")["images"]["python"]["reference"])
