"""One drill: the alert fires, the trainee finds the cause and repairs the level, and the marks are given."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.text import Text

from course.incidents.held import IncidentError
from course.incidents.score import DrillOutcome, marks_of
from course.prose import prose
from workbench.terminal import make_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from course.incidents.catalogue import Diagnoses, DiagnosisChoice
    from course.incidents.held import PlantedFault
    from course.incidents.story import Story
    from course.incidents.watch import AlertWatch
    from workbench.console.alerts import Raised

__all__ = ["Clock", "Drill"]

_POLL_S = 0.5
_ASK = (
    "[cyan]d[/] state your diagnosis · [cyan]m[/] I have repaired it, check · [cyan]s[/] what is seen now · "
    "[cyan]g[/] give up: "
)


@dataclass(frozen=True)
class Clock:
    """How long a drill waits, in seconds.

    Attributes:
        alert_s: until the alert must fire.
        hold_s: for which the objective must hold until the drill closes.
        settle_s: within which it must begin to hold after the trainee said so.
    """

    alert_s: float = 180.0
    hold_s: float = 30.0
    settle_s: float = 20.0


class Drill:
    """What happens between the fault and the marks.

    Args:
        story: of the incident.
        catalogue: the diagnoses to choose from.
        console: where it is told.
        answer: asks a question, and returns the typed line; "g" where nobody can type.
        clock: how long it waits.
    """

    def __init__(
        self, story: Story, catalogue: Diagnoses, console: Console, answer: Callable[[Text], str], clock: Clock
    ) -> None:
        self._story, self._catalogue = story, catalogue
        self._console, self._answer, self._clock = console, answer, clock
        self._outcome = DrillOutcome()
        self._stated: tuple[str, str, str] | None = None

    def run(self, held: PlantedFault, watch: AlertWatch, planted_at: float) -> DrillOutcome:
        """Waits for the alert, lets the trainee work, and tells the answer; the fault is still planted if they gave up.

        Raises:
            IncidentError: the alert does not fire, or the process that holds the fault is gone.
        """
        raised = self._await_alert(held, watch, planted_at)
        began = time.monotonic()
        self._page(raised)
        gave_up = self._answer(Text("Enter acknowledges the page: ")) == "g"
        self._outcome = replace(self._outcome, detect_s=None if gave_up else time.monotonic() - began)
        self._section("Where to look")
        while not gave_up and (self._stated is None or self._outcome.mitigate_s is None):
            gave_up = self._turn(held, began)
        self._debrief(held)
        return self._outcome

    def _await_alert(self, held: PlantedFault, watch: AlertWatch, planted_at: float) -> Raised:
        with self._console.status(f"the fault is there; waiting until {self._story.alert} fires"):
            while not (firing := watch.firing):
                waited = time.monotonic() - planted_at
                if waited > self._clock.alert_s:
                    breach = "; ".join([*watch.problems, *held.ask("breach")]) or "nothing is broken"
                    raise IncidentError(
                        f"incident {self._story.id}: {self._story.alert} does not fire within "
                        f"{self._clock.alert_s:g} s: {breach}"
                    )
                time.sleep(_POLL_S)
        self._console.print(f"it took {time.monotonic() - planted_at:.0f} s from the fault to the alert", style="dim")
        return firing[0]

    def _page(self, raised: Raised) -> None:
        head = Text.assemble(("PAGE ", "bold red"), (raised.name, "bold"), f" · {raised.labels.get('severity', '')}")
        self._console.print(head)
        self._console.print(Text(f"{raised.summary}\nrunbook: {raised.runbook}"), soft_wrap=True)
        self._console.print(prose(self._story.sections["What you are told"]))

    def _turn(self, held: PlantedFault, began: float) -> bool:
        """One thing that the trainee does; whether they gave up."""
        typed = self._answer(Text.from_markup(_ASK)).lower()
        if typed == "g":
            return True
        if typed == "d" and self._stated is None:
            self._diagnose(began)
        elif typed == "m" and self._outcome.mitigate_s is None:
            self._check(held, began)
        elif typed == "s":
            self._bullets("what is seen", [*held.ask("symptoms"), *held.ask("breach")])
        elif typed in {"d", "m"}:
            self._console.print("that is done; the other one is left", style="dim")
        return False

    def _diagnose(self, began: float) -> None:
        level, story = self._story.level, self._story
        component = self._choose("Which component?", self._catalogue.components(level))
        cause = self._choose("Which cause?", self._catalogue.causes(level))
        words = self._answer(Text("In your own words, one line: "))
        self._stated = component, cause, words
        self._outcome = replace(
            self._outcome, diagnose_s=time.monotonic() - began,
            component=component == story.component, cause=cause == story.cause,
        )  # fmt: skip
        self._console.print("noted; whether it is right, you learn at the end\n", style="dim")

    def _choose(self, question: str, choices: Sequence[DiagnosisChoice]) -> str:
        """The id of the chosen one; empty when nobody chooses."""
        self._console.print(f"\n[bold]{question}[/]")
        for number, choice in enumerate(choices, 1):
            self._console.print(Text(f" {number:2} {choice.title}"))
        while (typed := self._answer(Text(f"1 to {len(choices)}: "))) != "g":
            if typed.isdecimal() and 1 <= int(typed) <= len(choices):
                return choices[int(typed) - 1].id
        return ""

    def _check(self, held: PlantedFault, began: float) -> None:
        """Watches until the objective has held for long enough, or does not begin to hold."""
        clock, asked = self._clock, time.monotonic()
        since: float | None = None
        breach: list[str] = []
        with self._console.status("watching the objective") as status:
            while since is None or time.monotonic() - since < clock.hold_s:
                if breach := held.ask("breach"):
                    since = None
                elif since is None:
                    since = time.monotonic()
                status.update(f"the objective has held for {0 if since is None else time.monotonic() - since:.0f} s")
                if since is None and time.monotonic() - asked > clock.settle_s:
                    break
                time.sleep(_POLL_S)
        if since is None:
            self._console.print(Text.assemble(("not yet: ", "bold yellow"), *breach), soft_wrap=True)
            return
        self._outcome = replace(self._outcome, mitigate_s=since - began)
        self._console.print(f"[bold green]repaired[/]: the objective has held for {clock.hold_s:g} s")

    def _debrief(self, held: PlantedFault) -> None:
        story = self._story
        self._section("Cause")
        if self._stated:
            self._console.print(Text(f"\nYou said: {self._said()}"), soft_wrap=True)
        self._bullets("at this moment", held.ask("evidence"))
        for heading in ("Evidence", "Fix", "Never again", "Debrief", "Interview answer"):
            self._section(heading)
        self._console.print()
        table = make_table(self._console, "marks", "points", "of", numbers=1)
        marks = marks_of(self._outcome, story)
        for name, points, most in marks.lines:
            table.add_row(name, str(points), str(most))
        table.add_row("score", str(marks.score), "100", style="bold")
        self._console.print(table)
        if self._outcome.mitigate_s is not None:
            share = self._outcome.mitigate_s / story.reference_s
            self._console.print(f"You took {share:.1f} times as long as the reference, {story.reference_s} s.")

    def _said(self) -> str:
        component, cause, words = self._stated or ("", "", "")
        titles = {choice.id: choice.title for choice in (*self._catalogue.component, *self._catalogue.cause)}
        right = "right" if self._outcome.component and self._outcome.cause else "not right"
        named = " · ".join(titles.get(each, "nothing") for each in (component, cause))
        return f"{named} ({right})" + (f", and: {words}" if words else "")

    def _section(self, heading: str) -> None:
        self._console.print(f"\n[bold]{heading}[/]")
        self._console.print(prose(self._story.sections[heading]))

    def _bullets(self, heading: str, lines: list[str]) -> None:
        self._console.print(f"\n[bold]{heading}[/]")
        for line in lines:
            self._console.print(Text(f" • {line}"), soft_wrap=True)
