"""What SECURITY.md claims: each control has its code and its test, and both are there."""

from __future__ import annotations

import re

from course.prose import references
from workbench.versions import ROOT

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
CONTROLS = PAGE.partition("| control |")[2].partition("\n\n")[0].splitlines()[2:]


def test_each_control_names_its_code_and_a_test_that_holds_it() -> None:
    assert len(CONTROLS) >= 15
    for row in CONTROLS:
        _, control, stops, code, test, _ = row.split("|")
        assert control.strip()
        assert stops.strip()
        assert list(references(code)), f"{control}: no code"
        tests = list(references(test))
        assert tests, f"{control}: no test"
        assert all(target.startswith("tests/") for target in tests), control


def test_everything_that_security_md_links_to_exists() -> None:
    missing = [target for target in references(PAGE) if not (ROOT / target).exists()]
    assert missing == []


def test_each_lesson_has_a_section_on_attacks_that_links_to_security_md() -> None:
    for lesson in ROOT.glob("0*-*/README.md"):
        section = re.split(r"^## \d+\. ", lesson.read_text(encoding="utf-8"), flags=re.MULTILINE)
        attacks = [part for part in section if part.startswith("What an attacker would try here\n")]
        assert len(attacks) == 1, lesson
        assert "```console" in attacks[0]
        assert "(../SECURITY.md)" in attacks[0]
