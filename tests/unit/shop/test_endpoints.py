"""The table of endpoints is the only place in level 3's Python that says which path and kind go with which model."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, get_args, get_type_hints

import pytest

from shop.endpoints import BY_KIND, BY_MODEL, ENDPOINTS, FEEDBACK_PATH, MODELS
from shop.gateway.adapters.inference import FRAUD, PERSONALISATION, RANKING
from shop.gateway.adapters.metrics import OUTCOMES
from shop.gateway.domain import contracts
from shop.load.scenario import asked
from workbench.sla import Request
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEVEL = ROOT / "03-advanced-multimodel-kserve"
FILES = sorted(
    path
    for folder in ("shop", "planner", "peers", "exercises", "docker")
    for path in (LEVEL / folder).rglob("*.py")
    if path != LEVEL / "shop/endpoints.py"
)
ANOTHER_THING = {
    "planner/day/needs_table.py": "the words for a kind of work that was calibrated",
    "planner/day/pace.py": "what a cached answer of such work costs",
    "planner/day/requirements.py": "which of these a designed model is like",
    "planner/day/whole_day.py": "the work whose cache was calibrated",
    "shop/features/fraud.py": "a column of a stored entity",
    "shop/models/fraud/history.py": "the same column",
    "shop/models/training_steps.py": "how many payments a model was trained with",
    "shop/world/record.py": "a table of the world's record",
    "shop/world/simulation.py": "a stream of chance",
    "shop/world/searching.py": "the function that simulates a search",
}
"""Files in which the name of a kind means something else; the planner may not know the shop's table."""


@pytest.mark.slow
def test_no_other_file_writes_a_path() -> None:
    paths = (*(each.path for each in ENDPOINTS), FEEDBACK_PATH)
    written = [place for place, text in every_text() if any(path in text for path in paths)]
    assert written == [], "expected the constants of shop.endpoints"


@pytest.mark.slow
def test_no_other_file_writes_a_kind() -> None:
    written = [
        place for place, text in every_text() if text in BY_KIND and place.partition(":")[0] not in ANOTHER_THING
    ]
    assert written == [], "expected the constants of shop.endpoints"


@pytest.mark.slow
def test_a_file_that_no_longer_means_another_thing_is_not_excused() -> None:
    found = {place.partition(":")[0] for place, text in every_text() if text in BY_KIND}
    assert found == set(ANOTHER_THING)


def test_the_models_are_the_same_wherever_they_are_keys() -> None:
    assert set(OUTCOMES) == set(MODELS)
    assert {each.model for each in (RANKING, FRAUD, PERSONALISATION)} == set(MODELS)
    assert set(get_args(get_type_hints(contracts.FeedbackRequest)["model"])) == set(MODELS)


@pytest.mark.parametrize("kind", BY_KIND)
def test_each_kind_is_read_by_its_path(kind: str) -> None:
    bodies = {
        "search": b'{"user":1,"query":{"category":3},"candidates":[1]}',
        "payments": b'{"payment":"p","user":1,"card":1,"device":1,"ip":1,"amount":1,"category":3,"hour":1}',
        "recommendations": b'{"user":1}',
    }
    assert asked(Request(BY_KIND[kind].path, bodies[kind])).user == 1


def test_each_model_answers_one_kind() -> None:
    assert len(BY_KIND) == len(BY_MODEL) == len(ENDPOINTS) == len({each.path for each in ENDPOINTS})


def every_text() -> Iterator[tuple[str, str]]:
    """Each text in the code, docstrings left out, with its file and line."""
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in documentation:
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                yield place_of(path, node), text


def place_of(path: Path, node: ast.Constant) -> str:
    return f"{path.relative_to(LEVEL)}:{node.lineno}"
