"""The bound on what the prefix cache spared, against a scheduler that knows the truth."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from assistant.engine.prefix_hits import PrefixHits

STEP = 64


@dataclass
class Planned:
    """A prompt, the part of it that is cached, its answer, and the step before which it comes."""

    prompt: int
    cached: int
    answer: int
    comes: int

    def __post_init__(self) -> None:
        self.cached = min(self.cached, self.prompt - 1)  # the last token is always computed
        self.left = self.prompt - self.cached


def run(plans: list[Planned]) -> tuple[int, list[int]]:
    """What was spared, and the bound after each step: answers first, then prompts in the order of their coming."""
    hits, bounds = PrefixHits(STEP), []
    under_way: list[Planned] = []
    for step in range(200):
        under_way += [each for each in plans if each.comes == step]
        running = [each for each in under_way if not each.left]
        room, begun = STEP - len(running), []
        for each in running:
            each.answer -= 1
        for each in under_way:
            if each.left:
                part = min(room, each.left)
                each.left -= part
                room -= part
                begun += [] if each.left else [each.prompt]
        hits.stepped(len(running), begun, sum(each.left > 0 for each in under_way))
        under_way = [each for each in under_way if each.answer > 0]
        bounds.append(hits.at_least)
    return sum(each.cached for each in plans), bounds


@given(
    st.lists(
        st.builds(Planned, st.integers(1, 600), st.integers(0, 600), st.integers(1, 30), st.integers(0, 40)),
        max_size=12,
    )
)
def test_the_bound_is_never_above_the_truth_and_never_falls(plans: list[Planned]) -> None:
    spared, bounds = run(plans)
    assert bounds[-1] <= spared
    assert bounds == sorted(bounds)


@given(st.integers(1, 1000), st.integers(0, 1000))
def test_of_one_prompt_alone_less_than_a_step_is_missing(prompt: int, cached: int) -> None:
    spared, bounds = run([Planned(prompt, cached, 5, 0)])
    assert bounds[-1] > spared - STEP


def test_prompts_that_are_computed_whole_are_no_hits() -> None:
    assert run([Planned(440, 0, 10, 3 * number) for number in range(10)])[1][-1] == 0
