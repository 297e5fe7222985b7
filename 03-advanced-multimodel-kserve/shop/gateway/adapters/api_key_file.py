"""API keys in a file, which change while the gateways run.

So one is rotated without a gap: add the new one under another name (``web-2027:…`` after ``web-2026:…``), let its owner
change over, watch ``serving_key_requests_total`` until nobody uses the old one, and take that out.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from shop.gateway.domain.api_keys import KeysError, parse_keys

if TYPE_CHECKING:
    from pathlib import Path

    from shop.gateway.domain.api_keys import ApiKeys

__all__ = ["ApiKeyFile"]

_log = logging.getLogger("shop.gateway")


class ApiKeyFile:
    """Keys that are read from a file again and again.

    Args:
        path: the file, as `parse_keys` reads it.
        keys: are to be as the file says.

    Raises:
        KeysError: the file cannot be read, is not what it should be, or has no keys: that would let everybody in.
    """

    def __init__(self, path: Path, keys: ApiKeys) -> None:
        self._path = path
        self._keys = keys
        self._text = self._problem = ""
        self._read()

    def look(self) -> None:
        """Takes over what the file says now; what is wrong with it is logged once, and the keys stay as they are.

        The file is read rather than its time of change: it is small, and times are coarse. A Secret's volume changes by
        a link that points elsewhere.
        """
        try:
            self._read()
        except KeysError as error:
            if str(error) != self._problem:
                _log.error("%s; the keys stay as they were", error)
            self._problem = str(error)
        else:
            self._problem = ""

    def _read(self) -> None:
        try:
            text = self._path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "expected ASCII"
            raise KeysError(f"SHOP_API_KEYS_FILE {self._path}: {reason}") from None
        if text == self._text:
            return
        keys = parse_keys(text, f"SHOP_API_KEYS_FILE {self._path}")
        if not keys:
            raise KeysError(f"SHOP_API_KEYS_FILE {self._path}: no keys in it: expected name:key, one a line")
        self._keys.replace(keys)
        self._text = text
        _log.info("keys: %s", ", ".join(keys))
