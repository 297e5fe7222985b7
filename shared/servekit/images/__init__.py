"""Container images: build a level's, run one the way a hardened cluster would, look inside.

``engine`` finds a Docker that can build, ``recipe`` knows which Dockerfiles a level has and what they need, ``build``
makes the images and ``container`` runs them. ``python -m servekit.images build N`` is what ``make image-N`` calls.
"""

from __future__ import annotations

from servekit.images.build import Image, build
from servekit.images.container import Container
from servekit.images.engine import Engine, EngineError, find_engine
from servekit.images.recipe import Recipe, RecipeError, recipes

__all__ = ["Container", "Engine", "EngineError", "Image", "Recipe", "RecipeError", "build", "find_engine", "recipes"]
