"""What exercise 6 must do: the class alone, and called by Seldon's own wrapper."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

from course.exercises import CheckFailedError, expect, expect_equal, load
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SELDON = ROOT / ".venvs" / "seldon" / "bin" / "python"
NAMES = ["film", "score"]
WRAPPED = """
import json, sys
sys.path.insert(0, sys.argv[1])
from importlib import import_module
from seldon_core.metrics import SeldonMetrics
from seldon_core.seldon_methods import transform_output
component = import_module(sys.argv[2]).Variety(1)
print("ANSWER", json.dumps(transform_output(component, json.loads(sys.argv[3]), SeldonMetrics()), default=list))
"""


def check_a_genre_fills_no_page(answer: Path) -> None:
    keep = load(answer).Variety(2).transform_output
    expect_equal("films 1, 2, 4 (drama) and 3", _films(keep(_rows(1, 2, 4, 3), NAMES)), [1, 2, 3])
    expect_equal("films 3, 1, 5, 2: two of each", _films(keep(_rows(3, 1, 5, 2), NAMES)), [3, 1, 5, 2])
    expect_equal("films 7 and 9, which have no genre,", _films(keep(_rows(7, 9, 7, 9), NAMES)), [7, 9, 7, 9])
    expect_equal("no film", list(keep([], NAMES)), [])


def check_it_says_how_many_it_dropped(answer: Path) -> None:
    step = load(answer).Variety(1)
    for films, dropped in (((1, 2, 4), 2), ((6,), 0)):
        step.transform_output(_rows(*films), NAMES)
        expect_equal(f"the tags after films {films}", step.tags(), {"dropped": dropped})


def check_a_wrong_setting_is_refused_at_once(answer: Path) -> None:
    for most in (0, -3):
        try:
            load(answer).Variety(most)
        except ValueError as error:
            expect("most" in str(error) and str(most) in str(error), f"{error}: expected `most` and {most} in it")
        else:
            raise CheckFailedError(f"Variety({most}) is made: expected a ValueError")


def check_any_page_is_cut_rightly(answer: Path) -> None:
    module, random = load(answer), Random()  # noqa: S311 - examples
    for _ in range(200):
        films, most = random.choices(range(1, 12), k=random.randint(0, 15)), random.randint(1, 4)
        seen: Counter[Any] = Counter()
        right = []
        for film in films:
            genre = module.GENRES.get(film, film)
            seen[genre] += 1
            right += [film] if seen[genre] <= most else []
        found = _films(module.Variety(most).transform_output(_rows(*films), NAMES))
        expect(found == right, f"films {films}, at most {most} of a genre: got {found}, expected {right}")


def check_seldons_wrapper_serves_it(answer: Path) -> None:
    if not SELDON.exists():
        return  # make up-2 makes the wrapper's environment: until then the class alone must do
    message = {"data": {"names": NAMES, "ndarray": _rows(1, 2, 3)}, "meta": {"puid": "p1"}}
    words = [str(SELDON), "-c", WRAPPED, str(answer.parent.resolve()), answer.stem, json.dumps(message)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    expect(bool(said), f"Seldon's wrapper cannot call it: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
    answered = json.loads(said[0].removeprefix("ANSWER "))
    expect_equal("the films in the answer", [int(row[0]) for row in answered["data"]["ndarray"]], [1, 3])
    expect_equal("the tags in the answer", answered["meta"].get("tags"), {"dropped": 1})


def _rows(*films: int) -> list[list[float]]:
    return [[float(film), 1.0 / (place + 1)] for place, film in enumerate(films)]


def _films(rows: Any) -> list[int]:
    return [int(row[0]) for row in rows]
