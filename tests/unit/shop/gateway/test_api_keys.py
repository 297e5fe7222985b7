"""The reading of keys; what counts as one in a request is tested on real servers."""

from __future__ import annotations

import pytest

from shop.gateway.domain.api_keys import ApiKeys, KeysError, parse_keys
from shop.gateway.domain.errors import UnauthorizedError


def test_keys_are_read_by_name() -> None:
    assert parse_keys("web:a:b, app:c") == {"web": "a:b", "app": "c"}
    assert parse_keys("web:a\n\n app-2027:b\r\n") == {"web": "a", "app-2027": "b"}
    assert parse_keys("") == {}


@pytest.mark.parametrize("text", ["web", "web:", ":key", "web:a,web:b", "web:a,app:a", "web:a b", "a b:k", "web:\xe9"])
def test_keys_that_are_none_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(KeysError, match=r"^SHOP_API_KEYS pair [12]: expected [^k]"):
        parse_keys(text)


def test_without_keys_everybody_may_ask() -> None:
    assert ApiKeys({}).holder([]) == ""


def test_a_known_key_says_whose_it_is() -> None:
    keys = ApiKeys({"web": "k", "app": "l"})
    assert keys.holder([(b"accept", b"*/*"), (b"x-api-key", b"l")]) == "app"
    with pytest.raises(UnauthorizedError, match="header x-api-key: more than one key: expected it once"):
        keys.holder([(b"x-api-key", b"k"), (b"authorization", b"Bearer l")])
