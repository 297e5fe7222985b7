"""A docstring is the contract of what it stands on: one or two words are none."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.unit.source_rules import sources

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCT = (
    "shared",
    "01-beginner-iris-api",
    "02-intermediate-seldon-pipeline",
    "03-advanced-multimodel-kserve",
    "interview",
)
LEAST_WORDS = 3


@pytest.mark.slow
def test_no_docstring_of_the_product_has_fewer_than_three_words() -> None:
    places = [
        f"{path}:{line}: {text!r}: expected a sentence that says what is returned or done"
        for path in sources(PRODUCT)
        for line, text in too_short(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert places == []


@pytest.mark.slow
def test_no_docstring_of_a_test_module_has_fewer_than_three_words() -> None:
    texts = {path: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in sources(("tests",))}
    assert [f"{path}: {text!r}" for path, text in texts.items() if text and len(text.split()) < LEAST_WORDS] == []


def test_a_docstring_of_one_or_two_words_is_found_and_a_sentence_is_not() -> None:
    source = 'def ends():\n    """Ends."""\nclass R:\n    """The route."""\nasync def f():\n    """Stops the loop."""'
    assert list(too_short(ast.parse(source))) == [(1, "Ends."), (3, "The route.")]
    assert list(too_short(ast.parse('"""Its files."""'))) == [(1, "Its files.")]


def too_short(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where a module has a docstring of fewer than three words, and which."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None and len(text.split()) < LEAST_WORDS:
                yield getattr(node, "lineno", 1), text
