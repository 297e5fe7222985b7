"""The score of a design in the terminal: points beside the reference's, what broke first, when and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from workbench.terminal import make_table

if TYPE_CHECKING:
    from rich.console import Console

    from planner.day.breaks import DayBreak
    from planner.day.points import Criterion, DesignVerdict
    from planner.day.requirements import DayRequirements
    from planner.day.verdict import DayVerdict

__all__ = ["checked", "print_verdict"]


def print_verdict(console: Console, verdict: DesignVerdict, how: str, broken: str = "late or too old") -> None:
    """Prints the score, for each lost point the reason, and at the end how it was computed."""
    table = make_table(console, "", "points", "of", "measured", "allowed", "reference", numbers=1)
    for each in verdict.criteria:
        table.add_row(each.name, f"{each.points:g}", f"{each.of:g}", *_figures(each))
    table.add_row("score", f"{verdict.score:g}", "100", "", "", f"{verdict.reference_score:g}", style="bold")
    console.print(table)
    console.print(f"Measured: the share of the requests that failed, were {broken}; the bill in $ a day.\n")
    if verdict.first:
        console.print(Text.assemble(("What broke first: ", "bold"), _sentence(verdict.first)))
        console.print(f"Why: {verdict.first.why}.\nTry: {verdict.first.remedy}.\n", markup=False)
    else:
        console.print("[bold]Nothing broke:[/] never did more than 2 % of the requests break the promise at once.\n")
    for each in verdict.criteria:
        for line in _lost(each, verdict.first):
            console.print(line, markup=False)
    console.print(how, style="dim")


def _figures(each: Criterion) -> tuple[str, str, str]:
    if each.name == "the bill":
        return f"${each.measured:,.0f}", f"${each.allowed:,.0f}", f"${each.reference:,.0f}"
    return f"{each.measured:.2%}", f"{each.allowed:.2%}", f"{each.reference:.2%}"


def _sentence(broke: DayBreak) -> str:
    return f"at {broke.at}, {broke.what}."


def _lost(each: Criterion, first: DayBreak | None) -> list[str]:
    """One line for a criterion that lost points; what was said already is not said again."""
    lines = []
    if each.broke and each.broke != first:
        new = not first or each.broke.remedy != first.remedy
        remedy = f" Try: {each.broke.remedy}." if new else ""
        lines.append(f"- {each.name}: at {each.broke.at}, {each.broke.what}: {each.broke.why}.{remedy}")
    if each.note:
        lines.append(f"- {each.name}: {each.note}.")
    elif each.name == "the bill" and each.points < each.of:
        lines.append(f"- {each.name}: {each.measured / each.reference:.2f} times the reference's.")
    return lines


def checked(verdict: DayVerdict, needs: DayRequirements) -> str:
    """How a day was computed, and how the simulation and the formula compare."""
    if not verdict.simulated_requests:
        return f"Computed in steps of 15 s from the calibration; the loss of a {needs.survive} likewise."
    return (
        "Computed in steps of 15 s from the calibration. The loss of the zone: "
        f"{verdict.simulated_requests:,} requests simulated one by one; just before it p99 was "
        f"{verdict.simulated_p99_ms:g} ms there, "
        f"{verdict.formula_p99_ms:g} ms by the formula."
    )
