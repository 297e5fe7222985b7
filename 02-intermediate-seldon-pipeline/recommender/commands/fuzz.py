"""``make fuzz-2`` sends thousands of wrong requests, and valid ones beside them that must still be answered."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from recommender.commands.scenario import RecommenderScenario
from recommender.settings import RecommenderSettings
from workbench.fuzz import Operation, Surface, main
from workbench.stack import join

if TYPE_CHECKING:
    from random import Random

    from workbench.sla import Request

__all__ = ["surface"]

_KINDS = ("user", "user", "genre", "ratings", "stranger")
_JSON = (
    b'{"jsonData":{"user":196,"k":5}}',
    b'{"meta":{"puid":"a","tags":{"a":"b"},"routing":{}},"jsonData":{"user":196,"genre":"Comedy"}}',
    b'{"jsonData":{"ratings":[{"item":50,"rating":5},{"item":183,"rating":5}],"k":3}}',
)
_TENSORS = (
    b'{"data":{"names":["user","k"],"ndarray":[[196,5]]}}',
    b'{"data":{"names":["user","k"],"tensor":{"shape":[1,2],"values":[196,5]}}}',
    b'{"strData":"196"}',
    b'{"binData":"MTk2"}',
)
_FEEDBACK = (
    b'{"request":{"jsonData":{"user":196}},"response":{"meta":{"routing":{}},"jsonData":{"items":[]}},"reward":1.0}',
    b'{"reward":0.5}',
)
_STEP = "a step could not read the message of the step before it: README, section 8"
_LATE = "a step did not answer in time: README, section 8"
_STATED = {502: _STEP, 503: "a step is unreachable or too busy: README, section 8", 504: _LATE}


def surface(url: str, home: Path | None = None) -> Surface:
    """All endpoints of the router."""
    scenario = RecommenderScenario()

    def right(draw: Random, nonce: str) -> Request:
        request = scenario.request(draw.choice(_KINDS), draw)
        return request._replace(body=b'{"meta":{"puid":"%s"},' % nonce.encode() + request.body[1:])

    gets = ("/ready", "/live", "/metrics", "/prometheus", "/api/v1.0/status", "/api/v1.0/status/model")
    more = ("/api/v1.0/metadata", "/api/v1.0/metadata/model", "/api/v1.0/health/status")
    endpoints = [
        Operation("/api/v1.0/predictions", _JSON),
        Operation("/api/v1.0/predictions", (*_JSON, *_TENSORS)),
        Operation("/api/v0.1/predictions", _TENSORS),
        Operation("/api/v1.0/feedback", _FEEDBACK),
        *(Operation(path, method="GET", headers={"accept": "application/json"}) for path in (*gets, *more)),
    ]
    headers = ("seldon-predictor", "seldon-puid")
    return Surface(2, [url], endpoints, right, scenario.check, "/ready", headers, {"/api": _STATED}, home=home)


if __name__ == "__main__":
    join(2, lambda: RecommenderSettings().port)
    sys.exit(main(surface(f"http://127.0.0.1:{RecommenderSettings().port}", Path(".run/2"))))
