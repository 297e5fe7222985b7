"""Container images: build a level's, run one the way a hardened cluster would, look inside.

``engine`` finds a Docker that can build, ``recipe`` knows which Dockerfiles a level has and what they need, ``build``
makes the images and ``container`` runs them. ``python -m workbench.images build N`` is what ``make image-N`` calls.
"""

from __future__ import annotations

from workbench.images.build import Image, build
from workbench.images.container import Container
from workbench.images.engine import ContainerEngine, EngineError, find_engine
from workbench.images.recipe import Recipe, RecipeError, assistant_recipe, recipes, release_recipe

__all__ = [
    "Container",
    "ContainerEngine",
    "EngineError",
    "Image",
    "Recipe",
    "RecipeError",
    "assistant_recipe",
    "build",
    "find_engine",
    "recipes",
    "release_recipe",
]
