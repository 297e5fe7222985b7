"""``.run/exam/N.html``: the certificate, a page that loads nothing from anywhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from workbench.sla.page import page, stamp_list, tiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from course.exam.result import ExamResult

__all__ = ["render_certificate"]

_PASSED: Final = 80
_WORDS: Final = 'style="white-space: normal; text-align: left; vertical-align: top"'
"""A cell of sentences; those of the page's own tables are figures, on one line."""


def render_certificate(result: ExamResult) -> str:
    """The certificate of an exam: points, every criterion, what to fix first, machine, and digest of the code."""
    figures = [
        ("Points", f"{result.points} of {result.of}", _share(result), "kept" if result.points >= _PASSED else "missed"),
        ("Criteria met", f"{_count(result, 'earned')}", f"of {len(result.criteria)}", ""),
        ("Left out", f"{_count(result, 'left out')}", "refused, or not to be judged", ""),
        ("Took", f"{result.seconds:.0f} s", f"on {result.date[:10]}", ""),
    ]
    body = [tiles(figures), _criteria(result)]
    if result.first_fixes:
        rows = [(each.title, str(each.of), each.fix) for each in result.first_fixes]
        body.append(_in_words("What to fix first", ("criterion", "points", "what to do"), rows))
    body.append(stamp_list(result.hardware, _facts(result)))
    verdict = f"{result.points} of {result.of} points"
    status = "met" if result.points >= _PASSED else "broken"
    lead = ["An exam of a running deployment. A criterion earns all its points or none.", *_notes(result)]
    return page(f"Level {result.level} exam · {result.title}", status, verdict, lead, body)


def _criteria(result: ExamResult) -> str:
    rows = [
        (each.title, f"{each.points}/{each.of}" if each.outcome != "left out" else "left out", each.asked, each.seen)
        for each in result.criteria
    ]
    return _in_words(
        "The rubric, and what was seen", ("the level …", "points", "what was asked", "what was seen"), rows
    )


def _in_words(heading: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are sentences."""
    head = "".join(f"<th {_WORDS}>{escape(column)}</th>" for column in columns)
    lines = "".join("<tr>" + "".join(f"<td {_WORDS}>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<section><h2>{escape(heading)}</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div></section>"
    )


def _facts(result: ExamResult) -> list[tuple[str, str]]:
    code = result.code
    return [
        ("Address", result.target),
        ("Date", result.date),
        (
            result.code_is.capitalize(),
            f"SHA-256 {code['sha256']} over {code['files']} files in {', '.join(code['folders'])}",
        ),
        ("Commit", code["commit"] or "unknown"),
        ("Seed", str(result.seed)),
    ]


def _notes(result: ExamResult) -> list[str]:
    return [f"Left out of the total: {', '.join(result.left_out)}."] if result.left_out else []


def _share(result: ExamResult) -> str:
    return f"{result.earned} of the {result.judged} that could be judged"


def _count(result: ExamResult, outcome: str) -> int:
    return sum(each.outcome == outcome for each in result.criteria)
