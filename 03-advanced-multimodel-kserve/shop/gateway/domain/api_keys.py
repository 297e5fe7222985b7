"""API keys: what counts as one, and whose it is.

The gateways alone look at them, wherever requests come from: an edge that did so, too, would have a mind of its own
about blanks, schemes and repeated headers, and keys to be changed in step.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from shop.gateway.domain.errors import UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ApiKeys", "KeysError", "parse_keys"]

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


class ApiKeys:
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


def _in_header(name: bytes, value: bytes) -> list[bytes]:
    if name == b"x-api-key":
        return [value.strip(_BLANKS)]
    if name == b"authorization":
        scheme, _, rest = value.strip(_BLANKS).partition(b" ")
        return [rest.strip(_BLANKS)] if scheme.lower() == b"bearer" else []
    return []


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
