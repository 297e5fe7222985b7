"""Who asks: the API key that the commands send to a level that wants one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["key_headers"]


def key_headers(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The header with the key in ``SHOP_API_KEY``, one of those that the gateways know; none where it is not set."""
    key = environment.get("SHOP_API_KEY", "").strip()
    return {"x-api-key": key} if key else {}
