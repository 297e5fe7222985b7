"""The key that level 3's commands send."""

from __future__ import annotations

import pytest

from shop.load.caller import key_headers


@pytest.mark.parametrize(
    ("environment", "headers"),
    [
        ({}, {}),
        ({"SHOP_API_KEY": " "}, {}),
        ({"SHOP_API_KEYS": "web:s3cret"}, {}),  # the gateways' own
        ({"SHOP_API_KEY": "s3cret "}, {"x-api-key": "s3cret"}),
    ],
)
def test_the_key_is_the_one_that_is_given(environment: dict[str, str], headers: dict[str, str]) -> None:
    assert key_headers(environment) == headers
