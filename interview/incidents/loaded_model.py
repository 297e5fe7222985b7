"""The fault of ``loaded-model``."""

from __future__ import annotations

import base64
import json
import time
from collections import deque
from contextlib import suppress
from http import HTTPStatus
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from course.incidents import Caller, Fault, Objective
from interview.incidents.level_3 import Level3, search_of
from servekit.http_ask import ask
from shop.artefact import Artefact
from shop.features.ranking import ITEM
from shop.features.store import USER_WIDTH
from shop.serving.control_key import HEADER, read_key
from shop.serving.repository import versions
from workbench.stack.inspection import members

if TYPE_CHECKING:
    from shop.gateway.domain.contracts import SearchRequest

__all__ = ["fault"]

_MODEL = "ranking"
_RATE_RPS = 20.0
_SHOWS_AFTER = 20
_SETTLES_WITHIN_S = 60.0
_CODE = f"""
import triton_python_backend_utils as pb

class TritonPythonModel:
    def execute(self, requests):
        rows = [pb.get_input_tensor_by_name(request, "features").as_numpy() for request in requests]
        prices = [each[:, {USER_WIDTH + ITEM["price"]}].copy() for each in rows]
        return [pb.InferenceResponse([pb.Tensor("scores", each)]) for each in prices]
"""


class _LoadedModel:
    def __init__(self) -> None:
        self._level = Level3()
        self.caller = Caller(self._ask, _RATE_RPS, Objective(ok=0.95))
        self._places: deque[tuple[SearchRequest, int]] = deque(maxlen=100)
        self._versions: set[str] = set()
        self._planted = False

    def obstacle(self) -> str | None:
        return self._level.obstacle()

    def plant(self) -> None:
        self._planted = True
        config = ask(f"{self._triton}/v2/models/{_MODEL}/config", 10).body.decode()
        code = base64.b64encode(_CODE.encode()).decode()
        # without it the model is taken for unchanged
        changed = json.dumps({name: value for name, value in json.loads(config).items() if name != "model_warmup"})
        served = json.loads(config)["version_policy"]["specific"]["versions"]
        files = {f"file:{version}/model.py": code for version in served}
        answer = ask(
            f"{self._triton}/v2/repository/models/{_MODEL}/load", 60,
            method="POST",
            body=json.dumps({"parameters": {"config": changed, **files}}).encode(),
            headers=[(HEADER, read_key(self._level.addresses))],
        )  # fmt: skip
        if answer.status != HTTPStatus.OK:
            raise OSError(f"Triton loads nothing: {answer.body.decode(errors='replace')}")
        self._places.clear()

    def symptoms(self) -> list[str]:
        seen = list(self._places)
        if not seen:
            return ["no search was answered yet"]
        first = median(self._price(item) for _, item in seen)
        page = median(self._price(item) for search, _ in seen for item in search.candidates)
        return [
            f"the callers of the last 10 s say: {self.caller.summary()}",
            f"the first item of {len(seen)} searches costs {first:,.2f} (median), all that they could find {page:,.2f}",
            f"the answers name version {', '.join(sorted(self._versions))} of the model, as ever",
        ]

    def evidence(self) -> list[str]:
        searches = [search_of(self._level.request("search")) for _ in range(_SHOWS_AFTER)]
        answers = [self._level.ask(search).raise_for_status().content for search in searches]
        wrong = [self._level.oracle.check(*each) for each in zip(searches, answers, strict=True)]
        found = [each for each in wrong if each]
        return [
            f"of {len(wrong)} answers {len(found)} are not what ONNX Runtime computes from the model that was trained",
            *(f"for example {each}" for each in found[:1]),
            *self._on_disk(),
            *self._running(),
        ]

    def breach(self) -> str | None:
        return self.caller.breach()

    def fix(self) -> None:
        self._level.triton.load(_MODEL)

    def restore(self) -> None:
        if not self._planted:
            return
        self._level.heal()
        self.fix()
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        while not self._is_right():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{_MODEL} is not the trained model after {_SETTLES_WITHIN_S:g} s")
        self._level.restart_gateways()
        self._level.http.close()

    @property
    def _triton(self) -> str:
        return f"http://127.0.0.1:{self._level.addresses.triton_http_port}"

    def _ask(self) -> int | str:
        search = search_of(self._level.request("search"))
        answer = self._level.ask(search)
        items: list[dict[str, Any]] = answer.json().get("items", [])
        if items:
            self._places.append((search, items[0]["id"]))
            self._versions.add(answer.headers["x-model-version"])
        wrong = answer.is_success and self._level.oracle.check(search, answer.content)
        return "wrong answer" if wrong else answer.status_code

    def _is_right(self) -> bool:
        search = search_of(self._level.request("search"))
        answer = self._level.ask(search)
        return answer.is_success and self._level.oracle.check(search, answer.content) is None

    def _price(self, item: int) -> float:
        return float(np.exp(self._level.items[item, ITEM["price"]]))

    def _on_disk(self) -> list[str]:
        repository = self._level.addresses.run_dir / "triton" / "repository" / _MODEL
        paths = [repository / str(version) for version in versions(repository)]
        return [f"{path}/model.onnx is what its card vouches for" for path in paths if Artefact(path).onnx()]

    def _running(self) -> list[str]:
        """The processes that compute models, one for each version and instance, as ``ps`` shows them."""
        lines = []
        for process in members(self._level.stack.home):
            with suppress(psutil.NoSuchProcess):
                program, *arguments = process.cmdline()
                if program.endswith("triton_python_backend_stub"):
                    age_s = time.time() - process.create_time()
                    lines.append(f"process {process.pid}, for {age_s:.0f} s now, runs {arguments[0]}")
        return lines


def fault() -> Fault:
    """The fault, not planted yet."""
    return _LoadedModel()
