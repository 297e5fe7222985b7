"""API keys: what counts as one, and whose it is.

The gateways alone look at them, wherever requests come from: an edge that did so, too, would have a mind of its own
about blanks, schemes and repeated headers, and keys to be changed in step.

Keys in a file change while the gateways run. So one is rotated without a gap: add the new one under another name
(``web-2027:…`` after ``web-2026:…``), let its owner change over, watch ``serving_key_requests_total`` until nobody
uses the old one, and take that out.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from typing import TYPE_CHECKING

from shop.gateway.domain.errors import UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["KeyFile", "Keys", "KeysError", "parse_keys"]

_log = logging.getLogger("shop.gateway")

_PAIR = re.compile(r"([A-Za-z0-9._-]{1,64}):([!-~]+)")
_BLANKS = b" \t"


class KeysError(ValueError):
    """The configured keys are not what they should be; no key is in the message."""


def parse_keys(text: str, source: str = "SHOP_API_KEYS") -> dict[str, str]:
    """``name:key`` pairs, with commas or line ends between them, as names and keys.

    Names are shown, in logs and as a metric's label; keys never are.

    Raises:
        KeysError: a pair without a name or a key, one with other characters, a name or key that comes twice.
    """
    keys: dict[str, str] = {}
    pairs = [pair.strip() for pair in re.split("[,\n]", text)]
    for number, pair in enumerate(filter(None, pairs), 1):
        found = _PAIR.fullmatch(pair)
        if found is None:
            raise KeysError(
                f"{source} pair {number}: expected name:key, a name of letters, digits, '.', '_', '-', "
                "and a key of visible ASCII characters"
            )
        name, key = found.groups()
        if name in keys or key in keys.values():
            raise KeysError(f"{source} pair {number}: expected a name and a key of its own")
        keys[name] = key
    return keys


class Keys:
    """The keys that open the gateway.

    A request carries one key, once: ``x-api-key: KEY``, or ``authorization: Bearer KEY`` with the scheme in whatever
    case. Blanks around a key are HTTP's, not the key's. Two keys are refused even if both are known: whoever reads the
    other one would count the request for somebody else. Other schemes of ``authorization`` are not for us.

    Args:
        keys: by name; none: everybody may ask.
    """

    def __init__(self, keys: dict[str, str]) -> None:
        self.replace(keys)

    def replace(self, keys: dict[str, str]) -> None:
        """From now on these are known, and no others."""
        self._digests = {name: _digest(key.encode()) for name, key in keys.items()}

    def holder(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The name of a request's key; empty where no keys are asked for.

        Args:
            headers: names in lower case, and values, as often as they came.

        Raises:
            UnauthorizedError: keys are asked for, and the request has none that is known, or more than one.
        """
        if not self._digests:
            return ""
        sent = [key for name, value in headers for key in _in_header(name, value)]
        if not any(sent):
            raise UnauthorizedError("header x-api-key", None, "missing: expected a key")
        if len(sent) > 1:
            raise UnauthorizedError("header x-api-key", None, "more than one key: expected it once")
        digest, found = _digest(sent[0]), ""
        for name, known in self._digests.items():  # all of them, each in constant time: how long it takes tells nothing
            if hmac.compare_digest(digest, known):
                found = name
        if not found:
            raise UnauthorizedError("header x-api-key", None, "not a key that is known here")
        return found


class KeyFile:
    """Keys that are read from a file again and again.

    Args:
        path: the file, as `parse_keys` reads it.
        keys: are to be as the file says.

    Raises:
        KeysError: the file cannot be read, is not what it should be, or has no keys: that would let everybody in.
    """

    def __init__(self, path: Path, keys: Keys) -> None:
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
            said = getattr(error, "strerror", None) or "expected ASCII"
            raise KeysError(f"SHOP_API_KEYS_FILE {self._path}: {said}") from None
        if text == self._text:
            return
        keys = parse_keys(text, f"SHOP_API_KEYS_FILE {self._path}")
        if not keys:
            raise KeysError(f"SHOP_API_KEYS_FILE {self._path}: no keys in it: expected name:key, one a line")
        self._keys.replace(keys)
        self._text = text
        _log.info("keys: %s", ", ".join(keys))


def _in_header(name: bytes, value: bytes) -> list[bytes]:
    if name == b"x-api-key":
        return [value.strip(_BLANKS)]
    if name == b"authorization":
        scheme, _, rest = value.strip(_BLANKS).partition(b" ")
        return [rest.strip(_BLANKS)] if scheme.lower() == b"bearer" else []
    return []


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
