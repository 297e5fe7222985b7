"""``make up-2``, ``down-2``, ``status-2`` and ``logs-2``: inventory, components and router under supervision.

``up`` renders the deployment that RECOMMENDER_DEPLOYMENT names (by default ``deploy/base``; e.g.
``…/deploy/overlays/canary``), places it on this machine and writes it to ``.run/2/seldondeployment.yaml``. Its stable
predictor serves the registry's champion. The other commands take the deployment that was placed there last.
"""

from __future__ import annotations

import os
import sys

from recommender.commands.operator import write
from recommender.commands.processes import GRAPH, RUN_DIR, placed, placed_last, render, stack_of
from recommender.commands.serving import CHAMPION, RecommenderLevel, RecommenderReference, in_service, place
from recommender.settings import RecommenderSettings
from workbench.registry import ModelVersion, RegistryError, RegistrySettings, resolve, wanted
from workbench.stack import StackError, main, remember
from workbench.terminal import say

_OWN = {CHAMPION, "RECOMMENDER_MODELS_DIR"}
"""Who sets one of them names a folder, which is served as it is."""


def _up(argv: list[str]) -> int:
    """Starts the level with the model that RECOMMENDER_MODEL names; one that is up takes it over."""
    version = None if _OWN & os.environ.keys() else _resolved()
    settings = RecommenderSettings()
    deployment = placed(render(settings), settings)
    level = stack_of(deployment, settings)
    write(deployment, GRAPH)
    (RUN_DIR / "inventory").mkdir(exist_ok=True)
    code = main(level, argv)
    if code == 0 and version is not None:
        say(f"{version.title}: {RecommenderLevel().serve(version)}")
    return code


def _resolved() -> ModelVersion | None:
    """Has the level start with the champion; of a level that has one already, the version that it should have now."""
    reference, registry, running = RecommenderReference().model, RegistrySettings(), in_service()
    if running is None:
        folder = resolve(reference, place(), registry, say)
        if folder != place().trained.path:
            os.environ[CHAMPION] = str(folder)
        return None
    os.environ[CHAMPION] = str(running)
    return wanted(reference, place(running), registry, say)


if __name__ == "__main__":
    remember(2, sys.argv[1:])
    try:
        settings = RecommenderSettings()
        sys.exit(_up(sys.argv[1:]) if "up" in sys.argv[1:2] else main(stack_of(placed_last(settings), settings)))
    except (RegistryError, StackError) as problem:
        sys.exit(f"error: {problem}")
