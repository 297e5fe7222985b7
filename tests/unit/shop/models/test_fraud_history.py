from __future__ import annotations

import numpy as np
import pytest

from shop.features.fraud import ENTITY
from shop.features.store import ENTITY_WIDTH
from shop.models.fraud.history import KINDS, History
from shop.models.fraud.network import Network
from shop.world.paying import Payments
from shop.world.people import DAY, HOUR
from shop.world.simulation import simulate
from tests.tiny_shop import TINY


@pytest.fixture(scope="module")
def payments() -> Payments:
    return simulate(TINY).payments


@pytest.fixture(scope="module")
def history(payments: Payments) -> History:
    return History(payments, Network(payments))


def test_counts_and_sums_are_of_the_payments_before_and_of_no_other(payments: Payments, history: History) -> None:
    busy = int(np.bincount(payments.ip).argmax())
    (rows,) = np.nonzero(payments.ip == busy)
    got = history.entities("ip", payments.ip[rows], payments.time[rows])
    for place, row in enumerate(rows):
        before = payments.where((payments.ip == busy) & (payments.time < payments.time[row]))
        moment = payments.time[row]
        expected = {
            "known": float(len(before) > 0),
            "payments": np.log1p(len(before)),
            "last_hour": np.log1p((before.time >= moment - HOUR).sum()),
            "last_day": np.log1p((before.time >= moment - DAY).sum()),
            "amount_last_day": np.log1p(before.amount[before.time >= moment - DAY].sum()),
            "mean_amount": np.log1p(before.amount).mean() if len(before) else 0,
            "users": np.log1p(len(np.unique(before.user))),
            "others": np.log1p(len(np.unique(before.card))),
            "chargebacks": np.log1p((before.fraud & (before.time + 10 * DAY < moment)).sum()),
            "age": np.log1p((moment - before.time[0]) / HOUR) if len(before) else 0,
            "idle": np.log1p((moment - before.time[-1]) / HOUR) if len(before) else 0,
            "spread": np.log1p(before.amount).std() if len(before) else 0,
        }
        for name, value in expected.items():
            assert got[place, ENTITY[name]] == pytest.approx(value, abs=2e-3), name


def test_what_happens_later_changes_no_bit_of_what_was_known(payments: Payments, history: History) -> None:
    moment = 40 * DAY
    past = payments.where(payments.time < moment)
    shorter = History(past, Network(past))
    for kind in KINDS:
        ids = np.unique(getattr(past, kind))
        moments = np.full(len(ids), moment)
        known, then = history.entities(kind, ids, moments), shorter.entities(kind, ids, moments)
        assert known.tobytes() == then.tobytes(), kind


def test_who_was_never_seen_is_zeros(payments: Payments, history: History) -> None:
    for kind in KINDS:
        ids = np.array([0, int(getattr(payments, kind).max()), 10**6])
        assert not history.entities(kind, ids, np.zeros(3, np.int64)).any()


def test_a_users_favourite_category_is_the_one_paid_for_most(payments: Payments, history: History) -> None:
    user = int(np.bincount(payments.user).argmax())
    counts = np.bincount(payments.category[payments.user == user], minlength=16)
    block = history.entities("user", np.array([user]), np.array([10**9]))
    assert block.shape == (1, ENTITY_WIDTH)
    assert counts[int(block[0, ENTITY["category"]])] == counts.max()


def test_shared_cards_and_devices_tie_people_together_from_the_next_night_on() -> None:
    def payment(day: int, user: int, card: int, device: int) -> tuple[int, int, int, int]:
        return (day * DAY + HOUR, user, card, device)

    rows = [payment(0, 0, 0, 0), payment(1, 1, 1, 0), payment(2, 2, 1, 2), payment(3, 3, 3, 3)]
    time, user, card, device = np.array(rows).T
    ones = np.ones(4)
    payments = Payments(time, user, card, device, user * 0, ones, user * 0, ones > 2)
    network = Network(payments)

    def sizes(day: int) -> list[int]:
        return [int(size) for size in network.size("user", np.arange(4), np.full(4, day * DAY))]

    assert [sizes(day) for day in (1, 2, 3)] == [[1, 1, 1, 1], [2, 2, 1, 1], [3, 3, 3, 1]]
    assert network.size("device", np.array([0, 2]), np.full(2, 4 * DAY)).tolist() == [3, 3]
    assert network.size("ip", np.array([0]), np.array([4 * DAY])).tolist() == [0]
