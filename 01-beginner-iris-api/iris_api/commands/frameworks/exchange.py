"""How each protocol asks about a flower, and what an answer says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from iris_api.domain.flower import FEATURES
from workbench.load import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iris_api.training.golden import Golden

__all__ = ["FORMS", "Form", "WrongAnswerError", "beginnings", "check", "requests_for"]

_FIRST_DIGITS = b"probabilities"


class WrongAnswerError(Exception):
    """An answer is not scikit-learn's, or cannot be read."""


class Form(NamedTuple):
    """A protocol's body for one flower, and where its answer has the three probabilities."""

    body: Callable[[Sequence[float]], Any]
    probabilities: Callable[[Any], Any]


FORMS = {
    "flower": Form(
        lambda row: dict(zip(FEATURES, row, strict=True)), lambda answer: answer["predictions"][0]["probabilities"]
    ),
    "oip": Form(
        lambda row: {
            "id": "1",
            "inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [*row]}],
        },
        lambda answer: next(each["data"] for each in answer["outputs"] if each["name"] == "probabilities"),
    ),
    "seldon": Form(lambda row: {"data": {"ndarray": [[*row]]}}, lambda answer: answer["data"]["ndarray"][0]),
    "mlflow": Form(lambda row: {"inputs": [[*row]]}, lambda answer: answer["predictions"]["probabilities"][0]),
    "tensorflow": Form(lambda row: {"instances": [[*row]]}, lambda answer: answer["predictions"][0]["probabilities"]),
}


def requests_for(form: str, path: str, golden: Golden, token: str = "") -> list[Request]:
    """A request for each flower: the same body for everyone who is asked in the same form."""
    body = FORMS[form].body
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    return [Request(path, msgspec.json.encode(body(row)), headers=headers) for row in golden.features.tolist()]


def check(form: str, answers: Sequence[bytes], golden: Golden) -> None:
    """Holds the answers to scikit-learn's.

    Raises:
        WrongAnswerError: one is another, or has no probabilities.
    """
    try:
        found = np.array([FORMS[form].probabilities(msgspec.json.decode(answer)) for answer in answers], np.float64)
    except (msgspec.DecodeError, LookupError, TypeError, ValueError, StopIteration) as error:
        raise WrongAnswerError(f"its answer {answers[0][:200]!r} has no probabilities: {error}") from None
    expected = golden.probabilities[: len(answers)]
    if found.shape != expected.shape or not np.allclose(found, expected, rtol=0, atol=1e-5):
        raise WrongAnswerError("its answers are not those of scikit-learn, so its speed does not count")


def beginnings(first: Sequence[bytes], second: Sequence[bytes]) -> list[bytes]:
    """What each answer begins with under load, from two answers to the same request: up to what changes by itself.

    Batched with others, a row may differ from itself alone in the last bit: digits after the label are not compared.
    """
    found = []
    for one, other in zip(first, second, strict=True):
        same = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
        found.append(one[:same].split(_FIRST_DIGITS)[0])
    return found
