"""How much each key may ask."""

from __future__ import annotations

import pytest

from servekit.errors import ShedError
from shop.gateway.rates import KeyRates


def test_a_bucket_fills_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("shop.gateway.rates.monotonic", lambda: now)
    rates = KeyRates(2.0, 1.0)
    rates.take("web")
    with pytest.raises(ShedError, match="key web: expected at most 2 requests a second"):
        rates.take("web")
    rates.take("app")
    now = 100.5
    rates.take("web")
