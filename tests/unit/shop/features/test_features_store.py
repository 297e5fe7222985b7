from __future__ import annotations

import numpy as np
import pytest

from shop.features import store


def test_keys_are_a_letter_and_an_id() -> None:
    keys = [store.item_key, store.user_key, store.fraud_user_key, store.card_key, store.device_key, store.ip_key]
    assert [key(17) for key in keys] == ["i:17", "u:17", "f:17", "c:17", "d:17", "p:17"]
    assert list(store.FILES) == ["i:", "u:", "f:", "c:", "d:", "p:"]


def test_a_value_is_read_as_it_was_stored_and_a_missing_one_is_zeros() -> None:
    row = np.arange(4, dtype=store.FLOAT)
    np.testing.assert_array_equal(store.decode(row.tobytes(), 4), row)
    np.testing.assert_array_equal(store.decode(None, 4), np.zeros(4))
    np.testing.assert_array_equal(store.decode_rows([row.tobytes(), None], 4), [row, np.zeros(4)])
    assert store.decode_rows([], 4).shape == (0, 4)


def test_a_value_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^feature value 3 floats: expected 4$"):
        store.decode(bytes(12), 4)
    with pytest.raises(ValueError, match=r"^feature values 28 bytes: expected 2 × 16$"):
        store.decode_rows([bytes(12), None], 4)
