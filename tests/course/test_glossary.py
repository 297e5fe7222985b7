"""The glossary: enough terms, in order, and each where the repository shows it."""

from __future__ import annotations

import re

import pytest

from workbench.versions import ROOT

FILE = ROOT / "interview" / "glossary.md"
ROW = re.compile(r"^\| (?P<term>[^|]+) \| (?P<meaning>[^|]+) \| \[[^]]+\]\((?P<link>[^)]+)\) \|$", re.MULTILINE)
ROWS = [(row["term"], row["meaning"], row["link"]) for row in ROW.finditer(FILE.read_text(encoding="utf-8"))]


def test_there_are_sixty_terms_in_order() -> None:
    terms = [term for term, _, _ in ROWS]
    assert len(terms) >= 60
    assert terms == sorted(terms, key=str.lower)
    assert len(set(terms)) == len(terms)


def test_a_meaning_is_a_sentence_of_its_own() -> None:
    assert [term for term, meaning, _ in ROWS if not meaning.endswith(".") or len(meaning) < 20] == []


@pytest.mark.parametrize(("term", "link"), [(term, link) for term, _, link in ROWS], ids=[row[0] for row in ROWS])
def test_a_term_is_seen_where_its_link_leads(term: str, link: str) -> None:
    text = (FILE.parent / link).read_text(encoding="utf-8").lower()
    words = [word.lower()[:5] for word in re.findall(r"[A-Za-z0-9']+", term) if len(word) > 2]
    assert any(word in text for word in words), f"{link} says nothing of {term}"
