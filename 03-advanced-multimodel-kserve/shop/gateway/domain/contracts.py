"""The request bodies of the API, and the errors that name what is wrong with one."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from servekit.errors import InvalidValueError, MalformedError

__all__ = [
    "FeedbackRequest",
    "PaymentRequest",
    "RecommendationRequest",
    "SearchQuery",
    "SearchRequest",
    "decoder",
    "read",
]

_Id = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Category = Annotated[int, Meta(ge=0, le=15)]
_Amount = Annotated[float, Meta(gt=0, le=1e9)]
_MAX_CANDIDATES: Final = 200
_COUNT: Final = 10
_T = TypeVar("_T")


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A misspelt name is an error, not a default; ``null`` for what is optional is as good as absent."""


class SearchQuery(_Strict, frozen=True):
    """What is searched for: a category of the shop, and perhaps what it may cost."""

    category: _Category
    price: _Amount | None = None


class SearchRequest(_Strict, frozen=True):
    """``POST /v1/search``: the best ``k`` of the candidates."""

    user: _Id
    query: SearchQuery
    candidates: Annotated[list[_Id], Meta(min_length=1, max_length=_MAX_CANDIDATES)]
    k: Annotated[int, Meta(ge=1, le=_MAX_CANDIDATES)] | None = None

    @property
    def count(self) -> int:
        """How many items are wanted."""
        return _COUNT if self.k is None else self.k


class PaymentRequest(_Strict, frozen=True):
    """``POST /v1/payments/score``: may this payment go through?"""

    payment: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+\Z")]
    user: _Id
    card: _Id
    device: _Id
    ip: _Id
    amount: _Amount
    category: _Category
    hour: Annotated[int, Meta(ge=0, le=23)]


class RecommendationRequest(_Strict, frozen=True):
    """``POST /v1/recommendations``: the ``k`` items that suit a user best."""

    user: _Id
    k: Annotated[int, Meta(ge=1, le=50)] | None = None

    @property
    def count(self) -> int:
        """How many items are wanted."""
        return _COUNT if self.k is None else self.k


class FeedbackRequest(_Strict, frozen=True):
    """``POST /v1/feedback``: what became of an answer; model and version are those that it named."""

    model: Literal["ranking", "fraud", "personalisation"]
    version: Annotated[str, Meta(pattern=r"^[0-9]{1,9}\Z")]
    outcome: Literal["impression", "click", "purchase", "chargeback", "legitimate"]


def decoder(kind: type[_T]) -> msgspec.json.Decoder[_T]:
    """Reads a kind of request; made once."""
    return msgspec.json.Decoder(kind)


def read(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """The request in a body.

    Raises:
        MalformedError: it is not JSON.
        InvalidValueError: a field is missing, unknown, or not one of the values it may have; the field is named.
    """
    try:
        if not body.isascii():
            body.decode()  # a decoder does not look at the text of what it refuses
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _named(str(error), body) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError("body", None, f"not JSON: {error}") from None
    except RecursionError:
        raise MalformedError("body", None, "JSON nested too deeply") from None


_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def _named(problem: str, body: bytes) -> InvalidValueError:
    """Msgspec's ``Expected `int` <= 50 - at `$.k```, as ``k 60: expected int <= 50``."""
    text, _, path = problem.partition(" - at `")
    at = path.rstrip("`").removeprefix("$").removeprefix(".")
    field = _FIELD.fullmatch(text)
    if field:
        thing = f"{at}.{field[1]}" if at else field[1]
        return InvalidValueError(_short(thing), None, "missing" if "missing" in text else "unknown field")
    expectation = (text[0].lower() + text[1:]).replace("`", "")
    return InvalidValueError(at or "body", _value(body, at), expectation)


def _value(body: bytes, at: str) -> object:
    """What stands there; nothing for what would only be a part of the body repeated."""
    try:
        found: Any = msgspec.json.decode(body)
        for name, index in _STEP.findall(f".{at}" if at else ""):
            found = found[name] if name else found[int(index)]
    except (msgspec.MsgspecError, LookupError, TypeError, RecursionError):
        return None
    return None if isinstance(found, list | dict) or found is None else found


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:79]}…"  # noqa: PLR2004 - as much as errors show of a value
