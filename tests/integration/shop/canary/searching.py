"""Live traffic on the toy shop, and a rollout that it proves within seconds."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from typing import TYPE_CHECKING

from shop.load.offering import encoded
from shop.load.replay import Replay
from tests.integration.shop.canary.toy_shop import ITEMS, QUALITY, USERS
from tests.patience import GENEROUS_S
from workbench.load import Request

if TYPE_CHECKING:
    from shop.load.offering import Message
    from tests.integration.shop.canary.toy_shop import ToyShop
    from workbench.load import Answer

__all__ = ["CROWDED", "ROLLOUT", "RPS", "Searching"]

RPS = 80
_SEEDS = itertools.count(3)
ROLLOUT = ["ranking", "--auto", "--steps", "20,100", "--min-requests", "60", "--step-seconds", "30"]
ROLLOUT += ["--margin", "0.5", "--error-margin", "0.1"]  # so large that seconds prove it: half of the clicks
CROWDED = r"100% +rolled back: (degraded|p99)|% +inconclusive: no requests"
"""How a rollout of a good version may end on a machine that is crowded, or stands still: in its log."""


class Searching:
    """People search all the time, each for something else, and click on the first item where it is a good one."""

    def __init__(self, shop: ToyShop) -> None:
        # other searches in each test: what stable finds in its cache, a candidate has to compute
        self._draw = draw = random.Random(next(_SEEDS))
        bodies = [
            {"user": draw.randrange(USERS), "query": {"category": 3}, "candidates": draw.sample(range(ITEMS), 12)}
            for _ in range(4000)
        ]
        requests = [Request("/v1/search", json.dumps(body).encode()) for body in bodies]
        self.versions: Counter[bytes] = Counter()
        port = shop.addresses.port
        self.replay = Replay(port, "ranking", encoded(port, requests), RPS, self._outcomes)
        self.replay.timeout_s = GENEROUS_S

    def _outcomes(self, _: Message, reply: Answer) -> list[str]:
        self.versions[reply.header(b"x-model-version")] += 1
        best = json.loads(reply.body)["items"][0]["id"]
        return ["impression", *(["click"] if self._draw.random() < 0.6 * QUALITY[best] else [])]

    @property
    def failed(self) -> list[int]:
        """Once the replay is over: the statuses of answers that are neither the items nor "come back in a second".

        A slow version, or a busy machine, makes the gateway turn some away; nobody may be left without an answer.
        """
        return [answer.status for answer in self.replay.answers if answer.status not in {200, 429}]
