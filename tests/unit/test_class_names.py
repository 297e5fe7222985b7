"""A class name means one thing inside a level and inside the shared code: whoever reads ``Plan`` need not ask which."""

from __future__ import annotations

import ast
from collections import defaultdict

import pytest

from tests.unit.source_rules import sources
from workbench.versions import ROOT

PACKAGES = {
    "shared": ("shared",),
    "level 1": ("01-beginner-iris-api/iris_api",),
    "level 2": ("02-intermediate-seldon-pipeline/recommender", "02-intermediate-seldon-pipeline/graph_router"),
    "level 3": (
        "03-advanced-multimodel-kserve/shop",
        "03-advanced-multimodel-kserve/planner",
        "03-advanced-multimodel-kserve/assistant",
    ),
}


@pytest.mark.parametrize("level", PACKAGES)
def test_no_two_modules_of_a_level_have_a_class_of_the_same_name(level: str) -> None:
    places = defaultdict(list)
    for path in sources(PACKAGES[level]):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
