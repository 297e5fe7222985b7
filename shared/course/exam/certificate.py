"""``.run/exam/N.html``: the certificate, a page that loads nothing from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workbench.sla.page import page, stamp_list, table, tiles

if TYPE_CHECKING:
    from course.exam.result import ExamResult

__all__ = ["render_certificate"]

_PASSED: Final = 80


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
        body.append(table("What to fix first", ("criterion", "points", "what to do"), rows, sentences=True))
    body.append(stamp_list(result.hardware, _facts(result)))
    verdict = f"{result.points} of {result.of} points"
    status = "met" if result.points >= _PASSED else "broken"
    what = "An exam of a deployment in a Kubernetes cluster." if result.cluster else "An exam of a running deployment."
    lead = [f"{what} A criterion earns all its points or none.", *_notes(result)]
    return page(f"Level {result.level} exam · {result.title}", status, verdict, lead, body)


def _criteria(result: ExamResult) -> str:
    rows = [
        (each.title, f"{each.points}/{each.of}" if each.outcome != "left out" else "left out", each.asked, each.seen)
        for each in result.criteria
    ]
    columns = ("the level …", "points", "what was asked", "what was seen")
    return table("The rubric, and what was seen", columns, rows, sentences=True)


def _facts(result: ExamResult) -> list[tuple[str, str]]:
    code = result.code
    return [
        *_where(result),
        ("Date", result.date),
        (
            result.code_is.capitalize(),
            f"SHA-256 {code['sha256']} over {code['files']} files in {', '.join(code['folders'])}",
        ),
        ("Commit", code["commit"] or "unknown"),
        ("Seed", str(result.seed)),
    ]


def _where(result: ExamResult) -> list[tuple[str, str]]:
    if result.cluster is None:
        return [("Address", result.target)]
    place = result.cluster
    return [
        ("Cluster", f"context {place['context']}, namespace {place['namespace']}"),
        ("Reached", f"through ports that kubectl forwarded to {result.target}; the machine above sent the questions"),
        ("Images that ran", ", ".join(place["images"]) or "none"),
    ]


def _notes(result: ExamResult) -> list[str]:
    return [f"Left out of the total: {', '.join(result.left_out)}."] if result.left_out else []


def _share(result: ExamResult) -> str:
    return f"{result.earned} of the {result.judged} that could be judged"


def _count(result: ExamResult, outcome: str) -> int:
    return sum(each.outcome == outcome for each in result.criteria)
