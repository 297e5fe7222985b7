from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from shop.models.personalisation.als import AlsSettings, _solve, fit_als
from shop.models.personalisation.evaluation import evaluate, top

RNG = np.random.default_rng(7)
SETTINGS = AlsSettings(width=4, confidence=2.0, damping=0.3, ridge=0.1, rounds=6, seed=7)
# even users look at even items, odd ones at odd items; users 60 and 61 look at nothing
COUNTS = np.zeros((62, 40))
for _user in range(60):
    COUNTS[_user, RNG.permutation(np.arange(_user % 2, 40, 2))[:8]] = 1


def test_conjugate_gradients_come_to_the_exact_solution() -> None:
    fixed = RNG.normal(size=(40, 4)).astype(np.float32)
    solved = np.zeros((62, 4), np.float32)
    for _ in range(4):
        solved = _solve(csr_array(2 * COUNTS).astype(np.float32), fixed, solved, 0.1)
    for row in (0, 31):
        extra = 2 * COUNTS[row]
        known = np.count_nonzero(extra)
        system = fixed.T @ fixed + (fixed.T * extra) @ fixed + 0.1 * known * np.eye(4)
        exact = np.linalg.solve(system, fixed.T @ (extra + (extra > 0)))
        np.testing.assert_allclose(solved[row], exact, atol=1e-4)


def test_people_are_given_what_their_like_look_at() -> None:
    embeddings = fit_als(csr_array(COUNTS), SETTINGS)
    lists = top(embeddings.users[:60] @ embeddings.items.T, 10)
    assert (lists % 2 == np.arange(60)[:, None] % 2).mean() > 0.95


def test_who_has_looked_at_nothing_has_no_embedding() -> None:
    assert not fit_als(csr_array(COUNTS), SETTINGS).users[60:].any()


def test_damping_makes_the_popular_less_so() -> None:
    counts = COUNTS.copy()
    counts[:60, 0] = 1
    plain, damped = (fit_als(csr_array(counts), replace(SETTINGS, damping=each)) for each in (0.0, 0.8))
    odd = np.arange(1, 60, 2)
    assert (damped.users[odd] @ damped.items[0]).mean() < (plain.users[odd] @ plain.items[0]).mean()


def test_each_round_is_told() -> None:
    said: list[str] = []
    fit_als(csr_array(COUNTS), replace(SETTINGS, rounds=2), said.append)
    assert said == ["round 1 of 2", "round 2 of 2"]


def test_the_best_come_first_and_of_equal_ones_the_first() -> None:
    scores = np.array([[1, 3, 3, 2, 3]], np.float32)
    assert top(scores, 2).tolist() == [[1, 2]]
    assert top(scores, 9).tolist() == [[1, 2, 4, 3, 0]]


def test_lists_are_judged_by_what_was_looked_at_afterwards() -> None:
    looked = csr_array(np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]))
    quality = evaluate(lambda users: np.tile([0, 3], (len(users), 1)), looked)
    assert quality.recall_at_100 == (0.5 + 0) / 2
    assert quality.coverage_at_100 == 0.5
    assert abs(quality.ndcg_at_10 - (1 / (1 + 1 / np.log2(3))) / 2) < 1e-9
