"""What level 3 answers: by the protocol, rightly, from its cache, and "no" to what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from course.exam import demand
from course.exam.refusals import Refusal, refuse_all
from course.exam.telemetry import Metrics
from shop.commands.exam.questions import Questions, model_answer
from shop.endpoints import MODELS, PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.limits import MAX_BODY_BYTES
from workbench.conformance import Outcome, Requirement, run

if TYPE_CHECKING:
    from course.exam import Examined

__all__ = ["bad_input", "cache", "conformance", "correctness"]

_QUESTIONS: Final = 90
_REPEATS: Final = 8
_HITS: Final = 5
_PAYMENT: Final[dict[str, Any]] = {
    "payment": "exam", "user": 3, "card": 4, "device": 5, "ip": 6, "amount": 5, "category": 2, "hour": 14,
}  # fmt: skip


def conformance(examined: Examined) -> str:
    """Every MUST of the Open Inference Protocol, of each model, at the edge."""
    passed, failed = 0, list[str]()
    for model in MODELS:
        results = run(examined.url, model, "1", headers=examined.headers)
        passed += sum(each.outcome is Outcome.PASSED for each in results)
        broken = [each for each in results if each.outcome is Outcome.FAILED and each.level is Requirement.MUST]
        failed += [f"{model}: {each.check.name}: {each.detail}" for each in broken]
    demand(not failed, f"{len(failed)} MUST failed: {'; '.join(failed[:2])}")
    return f"{len(MODELS)} models conform: {passed} checks passed"


def correctness(examined: Examined) -> str:
    """Questions that nobody asked, against ONNX Runtime on the artefact of the version that answered."""
    oracle, draw = examined.facts["oracle"], examined.draw("correctness")
    questions = Questions(examined.facts["addresses"], draw).mixed(_QUESTIONS)
    checked = (oracle.check(each, model_answer(examined, each).content) for each in questions)
    wrong = [problem for problem in checked if problem]
    demand(not wrong, f"{len(wrong)} of {_QUESTIONS} answers are wrong: {'; '.join(wrong[:2])}")
    return f"{_QUESTIONS} questions that nobody asked, all answered as the models say"


def cache(examined: Examined) -> str:
    """The same question again is answered from the cache with the same items; another person has others."""
    questions = Questions(examined.facts["addresses"], examined.draw("cache"))
    one, other = questions.recommendation(), questions.recommendation()
    while other.user == one.user:
        other = questions.recommendation()
    first = model_answer(examined, one).content
    before = Metrics(examined)
    again = [model_answer(examined, one).content for _ in range(_REPEATS)]
    after = Metrics(examined)
    demand(all(each == first for each in again), "the same question is answered in two ways")
    labels = {"model": RECOMMENDATIONS.model, "result": "hit"}
    after.demand_rise(before, _HITS, "serving_cache_requests_total", **labels)
    strange = model_answer(examined, msgspec.structs.replace(other, k=one.k)).content
    demand(strange != first, f"users {one.user} and {other.user} get the same answer: whose is it?")
    hits = after.total("serving_cache_requests_total", **labels) - before.total(
        "serving_cache_requests_total", **labels
    )
    return f"{hits:g} of {_REPEATS} repeated questions were answered from the cache, and nobody got another's answer"


def bad_input(examined: Examined) -> str:
    """Wrong requests of every kind, at the edge."""
    return refuse_all(examined, _refusals(), lambda answer: answer["error"])


def _refusals() -> list[Refusal]:
    recommend, search = RECOMMENDATIONS.path, {"user": 3, "query": {"category": 2}, "candidates": [5, 17], "k": 2}

    def wrong(what: str, status: int, body: Any, path: str = recommend, **more: Any) -> Refusal:
        return Refusal(what, status, path, body if isinstance(body, bytes) else msgspec.json.encode(body), **more)

    late = {"content-type": "application/json", "x-request-timeout-ms": "nan"}
    return [
        wrong("no body", 400, b""),
        wrong("half a JSON document", 400, b'{"user": 7'),
        wrong("text that is no UTF-8", 400, b'{"user": "\xff"}'),
        wrong("a deadline that is no number", 400, {"user": 7}, headers=late),
        wrong("a media type that is not JSON", 415, {"user": 7}, headers={"content-type": "text/plain"}),
        wrong("a list for an object", 422, [1]),
        wrong("a user who is missing", 422, {}),
        wrong("a user who is a name", 422, {"user": "seven"}),
        wrong("a number beyond all floats", 422, b'{"user": 1e999}'),
        wrong("no items at all", 422, {"user": 7, "k": 0}),
        wrong("too many items", 422, {"user": 7, "k": 51}),
        wrong("a field that is not known", 422, {"user": 7, "usr": 1}),
        wrong("a search among nothing", 422, {**search, "candidates": []}, SEARCH.path),
        wrong("a search among too many", 422, {**search, "candidates": list(range(201))}, SEARCH.path),
        wrong("a category that is not known", 422, {**search, "query": {"category": 99}}, SEARCH.path),
        wrong("a payment of less than nothing", 422, {**_PAYMENT, "amount": -5}, PAYMENTS.path),
        wrong("the 25th hour", 422, {**_PAYMENT, "hour": 24}, PAYMENTS.path),
        wrong("a body beyond the limit", 413, b" " * (MAX_BODY_BYTES + 1)),
        wrong("another method", 405, b"", method="PUT"),
        Refusal("a path that is not there", 404, "/v1/recommendation", b"{}"),
    ]
