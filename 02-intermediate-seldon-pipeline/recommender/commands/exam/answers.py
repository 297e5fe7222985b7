"""What level 2 answers: the right items, by the rules of a list, over a graph that says what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from course.exam import demand
from course.exam.refusals import Refusal, refuse_all
from recommender.commands.exam.oracle import Oracle
from recommender.training.golden import Golden

if TYPE_CHECKING:
    from collections.abc import Iterable

    from course.exam import Examined

__all__ = [
    "PATH",
    "STEPS",
    "bad_input",
    "bad_input_in_cluster",
    "cold_start",
    "correctness",
    "graph",
    "rules",
    "wanted",
]

PATH: Final = "/api/v1.0/predictions"
STEPS: Final = ("preprocessor", "model", "postprocessor")
_STRANGER: Final = 1_000_000
_OF_EACH: Final = 20
_LEAST_OF_GENRE: Final = 60


def wanted(examined: Examined, **payload: Any) -> Any:
    """The decoded answer to a request; a `ShortfallError` where it is none."""
    answer = examined.http.post(PATH, json={"jsonData": payload})
    demand(answer.status_code == 200, f"{payload}: answered {answer.status_code}")  # noqa: PLR2004
    return answer.json()


def correctness(examined: Examined) -> str:
    """Ratings that nobody gave, against the model's own ranking; known users, against NumPy's."""
    draw, settings = examined.draw("correctness"), examined.facts["settings"]
    oracle, golden, wrong = Oracle(settings), Golden(settings.served_dirs), list[str]()
    ids = oracle.catalogue.ids.tolist()
    for _ in range(_OF_EACH):
        ratings = {item: float(draw.randint(1, 5)) for item in draw.sample(ids, draw.randint(3, 25))}
        k, given = draw.randint(1, 20), [{"item": item, "rating": stars} for item, stars in ratings.items()]
        problem = oracle.check(ratings, k, wanted(examined, ratings=given, k=k))
        wrong += [f"{len(ratings)} ratings: {problem}"] if problem else []
    for user in draw.sample(golden.users, _OF_EACH):
        answer = msgspec.json.encode(wanted(examined, user=user, k=10))
        wrong += filter(None, [golden.check(user, 10, oracle.out, answer)])
    demand(not wrong, f"{len(wrong)} of {2 * _OF_EACH} answers are wrong: {'; '.join(wrong[:2])}")
    return f"{_OF_EACH} lists for ratings that nobody gave and {_OF_EACH} for known users, all as the model ranks"


def rules(examined: Examined) -> str:
    """Known users ask for a genre: each item once, best first, of that genre, and none that the user has rated."""
    draw, oracle = examined.draw("rules"), Oracle(examined.facts["settings"])
    catalogue, users = oracle.catalogue, oracle.histories.users.tolist()
    large = [genre for genre in catalogue.genres if int(catalogue.of_genre[genre].sum()) >= _LEAST_OF_GENRE]
    for _ in range(_OF_EACH):
        user, genre, k = draw.choice(users), draw.choice(large), draw.randint(2, 8)
        found = wanted(examined, user=user, genre=genre, k=k)["jsonData"]["items"]
        ids, scores = [each["id"] for each in found], [each["score"] for each in found]
        who = f"user {user}, {k} of {genre}"
        positions, rated = [catalogue.position[each] for each in ids], set(_rated(oracle, user))
        demand(len(set(ids)) == len(ids) <= k, f"{who}: {len(ids)} items, {len(set(ids))} different ones")
        demand(scores == sorted(scores, reverse=True), f"{who}: the best does not come first: {scores}")
        demand(all(catalogue.of_genre[genre][each] for each in positions), f"{who}: an item is of another genre")
        demand(not rated & set(positions), f"{who}: an item that the user has rated already")
    return f"{_OF_EACH} lists by genre: each item once, best first, of the genre, none rated before"


def _rated(oracle: Oracle, user: int) -> Iterable[int]:
    known = oracle.histories.of_user(user)
    return known[0].tolist() if known else []


def cold_start(examined: Examined) -> str:
    """Somebody unknown gets a full list, which says that it is nobody's own."""
    draw, k = examined.draw("cold-start"), 10
    lists = []
    for _ in range(3):
        answer = wanted(examined, user=_STRANGER + draw.randrange(_STRANGER), k=k)
        demand(answer["meta"]["tags"].get("cold_start") is True, f"a stranger's answer is tagged {answer['meta']}")
        lists.append([each["id"] for each in answer["jsonData"]["items"]])
    demand(all(len(each) == k for each in lists), f"a stranger gets {len(lists[0])} items, expected {k}")
    demand(lists[0] == lists[1] == lists[2], "two strangers get different lists")
    known = wanted(examined, user=Golden(examined.facts["settings"].served_dirs).users[0], k=1)["meta"]["tags"]
    demand(known.get("cold_start") is False, "the answer of a known user is tagged as a cold start, too")
    return f"strangers get {k} items, tagged as a cold start"


def graph(examined: Examined) -> str:
    """The metadata describes every step; an answer names the steps that made it, and the caller's id."""
    document = examined.http.get("/api/v1.0/metadata").raise_for_status().json()
    missing = [step for step in STEPS if step not in document["models"]]
    demand(not missing, f"the metadata lacks {', '.join(missing)}")
    bare = [name for name, each in document["models"].items() if not each.get("platform") or not each.get("versions")]
    demand(not bare, f"the metadata of {', '.join(bare)} has no platform or versions")
    puid = f"exam-{examined.draw('graph').getrandbits(48):x}"
    answer = examined.http.post(PATH, json={"jsonData": {"user": 1, "k": 1}}, headers={"seldon-puid": puid})
    meta = answer.raise_for_status().json()["meta"]
    passed = [step for step in STEPS if step not in meta.get("requestPath", {})]
    demand(not passed, f"the answer's requestPath lacks {', '.join(passed)}")
    named = (meta.get("puid"), answer.headers.get("seldon-puid"))
    demand(named == (puid, puid), f"sent the id {puid}, the answer has {named[0]} and the header {named[1]}")
    tags = {"model", "version", "algorithm"} - set(meta.get("tags", {}))
    demand(not tags, f"the answer's tags lack {', '.join(sorted(tags))}")
    return f"{len(document['models'])} steps described, and named by the answer they made"


def bad_input(examined: Examined) -> str:
    """Wrong requests of every kind to the graph."""
    return refuse_all(examined, [*_of_the_steps(), *_of_the_router()], _reason)


def bad_input_in_cluster(examined: Examined) -> str:
    """Wrong requests that Seldon's executor passes on to the steps; the others it answers in its own way."""
    return refuse_all(examined, _of_the_steps(), _reason)


def _reason(answer: Any) -> object:
    return answer["status"]["info"]


def _wrong(what: str, status: int, body: Any, **more: Any) -> Refusal:
    return Refusal(what, status, PATH, body if isinstance(body, bytes) else msgspec.json.encode(body), **more)


def _of_the_steps() -> list[Refusal]:
    def asks(what: str, **payload: Any) -> Refusal:
        return _wrong(what, 422, {"jsonData": payload})

    return [
        _wrong("no body", 400, b""),
        _wrong("half a JSON document", 400, b'{"jsonData": {"user"'),
        _wrong("a list for a message", 400, [1]),
        _wrong("a message without a payload", 400, {}),
        _wrong("text where a document belongs", 422, {"strData": "x"}),
        asks("neither a user nor ratings"),
        asks("no items at all", user=1, k=0),
        asks("too many items", user=1, k=101),
        asks("a user who is a name", user="Anna"),
        asks("a genre that is not known", user=1, genre="Cheerful"),
        asks("a field that is not known", user=1, colour=1),
        asks("an item that is not known", ratings=[{"item": 999_999, "rating": 5}]),
        asks("nine stars of five", ratings=[{"item": 50, "rating": 9}]),
        asks("an item that is rated twice", ratings=[{"item": 50, "rating": 5}] * 2),
    ]


def _of_the_router() -> list[Refusal]:
    return [
        _wrong("a number beyond all floats", 400, b'{"jsonData": {"user": 1e999}}'),
        _wrong("a media type that is not JSON", 415, {}, headers={"content-type": "text/plain"}),
        _wrong("a body beyond the limit", 413, b"", claims=1 << 30),
        _wrong("another method", 405, b"", method="PUT"),
        Refusal("a path that is not there", 404, "/api/v1.0/prediction", b"{}"),
    ]
