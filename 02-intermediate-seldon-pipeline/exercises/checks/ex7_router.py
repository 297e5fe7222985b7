"""What exercise 7 must do: it is asked about users that nobody has heard of before, also in another process."""

from __future__ import annotations

import math
import os
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING

from course.exercises import expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

USERS = 20_000
ERRORS = 5.0  # standard errors: one in a million is further off by chance


def check_a_user_keeps_their_branch(answer: Path) -> None:
    branch = load(answer).branch
    for user in _users(50):
        expect_equal(
            f"the branches of {user}, asked five times",
            {branch("e", user, (0.5, 0.5)) for _ in range(5)},
            {branch("e", user, (0.5, 0.5))},
        )


def check_every_process_answers_alike(answer: Path) -> None:
    users = _users(200)
    here = "".join(str(load(answer).branch("e", user, (0.5, 0.5))) for user in users)
    code = f"import sys; sys.path.insert(0, {str(answer.parent)!r}); from {answer.stem} import branch\n"
    code += f"print(''.join(str(branch('e', user, (0.5, 0.5))) for user in {users!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    expect(
        done.stdout.strip() == here,
        "another process gives other branches: does hash() have a part in it?",
    )


def check_the_shares_are_kept(answer: Path) -> None:
    branch = load(answer).branch
    for shares in ((0.5, 0.5), (0.9, 0.1), (0.2, 0.3, 0.5)):
        found = [0] * len(shares)
        for user in _users(USERS):
            found[branch("e", user, shares)] += 1
        for number, share in enumerate(shares):
            got, spread = found[number] / USERS, math.sqrt(share * (1 - share) / USERS)
            kept = abs(got - share) < ERRORS * spread
            expect(kept, f"branch {number} of {shares} got {got:.3f} of {USERS:,} users: expected about {share}")


def check_a_growing_share_takes_over_and_gives_nobody_back(answer: Path) -> None:
    branch = load(answer).branch
    users = _users(USERS)
    for before, after in (((0.9, 0.1), (0.7, 0.3)), ((0.2, 0.5, 0.3), (0.2, 0.2, 0.6))):
        moved = [(branch("e", user, before), branch("e", user, after)) for user in users]
        lost = sum(now not in {then, len(after) - 1} for then, now in moved)
        expect(
            lost == 0, f"{lost} users move to another branch than the last when {before} becomes {after}: expected 0"
        )


def check_experiments_are_independent(answer: Path) -> None:
    branch = load(answer).branch
    users = _users(USERS)
    both = sum(branch("page", user, (0.5, 0.5)) == branch("price", user, (0.5, 0.5)) for user in users)
    expect(
        abs(both / USERS - 0.5) < ERRORS * math.sqrt(0.25 / USERS),
        f"{both / USERS:.1%} of the users are in the same branch of two experiments: expected about half",
    )


def check_extreme_shares(answer: Path) -> None:
    branch = load(answer).branch
    for shares, right in (((1.0, 0.0), {0}), ((0.0, 1.0), {1}), ((1 / 3, 1 / 3, 1 / 3), {0, 1, 2})):
        expect_equal(f"the branches of shares {shares}", {branch("e", user, shares) for user in _users(2_000)}, right)


def _users(count: int) -> list[str]:
    run = secrets.token_hex(4)
    return [f"user-{run}-{number}" for number in range(count)]
