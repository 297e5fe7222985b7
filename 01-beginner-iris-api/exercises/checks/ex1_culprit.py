"""What exercise 1 must do. A test holds these cases to what the API itself says."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

from course.exercises import expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

NAMES = "sepal_length_cm, sepal_width_cm, petal_length_cm, petal_width_cm"
RIGHT = b'{"sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2}'
WITHOUT_WIDTH = b'{"sepal_length_cm": 5.1, "petal_length_cm": 1.4, "petal_width_cm": 0.2}'

NOT_OBJECTS = {
    b"[5.1]": f"flower [5.1]: expected an object with {NAMES}",
    b"null": f"flower null: expected an object with {NAMES}",
}
NAMED_WRONG = {
    b"{}": "flower.sepal_length_cm: missing: expected a length in cm",
    WITHOUT_WIDTH: "flower.sepal_width_cm: missing: expected a length in cm",
    RIGHT.replace(b"}", b', "colour": "blue"}'): f'flower feature "colour": unknown: expected only {NAMES}',
}
NOT_NUMBERS = {
    RIGHT.replace(b"0.2", b'"0.2"'): 'flower.petal_width_cm "0.2": expected a number of cm',
    RIGHT.replace(b"1.4", b"null"): "flower.petal_length_cm null: expected a number of cm",
    RIGHT.replace(b"3.5", b"true"): "flower.sepal_width_cm true: expected a number of cm",
}
NOT_LENGTHS = {
    RIGHT.replace(b"0.2", b"-1"): "flower.petal_width_cm -1: expected a length from 0 to 100 cm",
    RIGHT.replace(b"5.1", b"100.5"): "flower.sepal_length_cm 100.5: expected a length from 0 to 100 cm",
    RIGHT.replace(b"1.4", b"NaN"): "flower.petal_length_cm NaN: expected a length from 0 to 100 cm",
    RIGHT.replace(b"1.4", b"1e999"): "flower.petal_length_cm Infinity: expected a length from 0 to 100 cm",
}


def check_a_flower_is_not_refused(answer: Path) -> None:
    refuse = load(answer).refuse
    for body in (RIGHT, RIGHT.replace(b"0.2", b"0"), RIGHT.replace(b"5.1", b"100")):
        expect_equal(f"refuse({body.decode()})", refuse(body), None)


def check_what_is_not_json_is_400(answer: Path) -> None:
    refuse = load(answer).refuse
    for body in (b"", b"{", b"sepal_length_cm=5.1", b"\xff"):
        refused = refuse(body)
        expect(refused is not None, f"refuse({body!r}) None: expected status 400")
        expect_equal(f"the status of {body!r}", refused[0], 400)
        expect(refused[1].startswith("body: not JSON: "), f"the message {refused[1]!r}: expected body: not JSON: …")


def check_only_an_object_is_a_flower(answer: Path) -> None:
    _expect_refused(answer, NOT_OBJECTS)


def check_missing_and_unknown_features_are_named(answer: Path) -> None:
    _expect_refused(answer, NAMED_WRONG)


def check_what_is_not_a_number_is_named(answer: Path) -> None:
    _expect_refused(answer, NOT_NUMBERS)


def check_what_is_not_a_length_is_named(answer: Path) -> None:
    _expect_refused(answer, NOT_LENGTHS)


def check_other_flowers_are_judged_by_the_same_rules(answer: Path) -> None:
    refuse, random = load(answer).refuse, Random()  # noqa: S311 - examples
    for _ in range(50):
        names = random.sample(NAMES.split(", "), 4)
        flower = {name: round(random.uniform(0, 100), 2) for name in names}
        expect_equal(f"refuse({json.dumps(flower)})", refuse(json.dumps(flower).encode()), None)
        name, wrong = random.choice(names), round(random.uniform(100.01, 999), 2)
        body = json.dumps({**flower, name: wrong})
        expected = (422, f"flower.{name} {wrong}: expected a length from 0 to 100 cm")
        expect_equal(f"refuse({body})", refuse(body.encode()), expected)
        del flower[name]
        expected = (422, f"flower.{name}: missing: expected a length in cm")
        expect_equal(f"refuse({json.dumps(flower)})", refuse(json.dumps(flower).encode()), expected)


def _expect_refused(answer: Path, cases: dict[bytes, str]) -> None:
    refuse = load(answer).refuse
    for body, message in cases.items():
        expect_equal(f"refuse({body.decode()})", refuse(body), (422, message))
