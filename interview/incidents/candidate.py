"""A version of ranking that was released by mistake: made from the stable one, and given a share of the traffic."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

from shop.artefact import Artefact, ArtefactError, write_artefact
from shop.canary.edge import Edge
from shop.canary.edge_split import EdgeSplit
from shop.features.store import RANKING_WIDTH
from shop.serving.control import ControlError
from shop.serving.repository import versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from interview.incidents.level_3 import Level3

__all__ = ["MODEL", "Candidate", "other_way_round", "with_a_forgotten_branch"]

MODEL = "ranking"

_MADE = "made by make incident"
_SIZE = 384
_ROWS = 100
_SECONDS = 0.030
_RUNS = 20


class Candidate:
    """The candidate version of ranking at the running level."""

    def __init__(self, level: Level3) -> None:
        self._level = level
        self._folder = level.addresses.models_dir / MODEL

    @property
    def split(self) -> EdgeSplit:
        """How the edge shares the traffic now; raises `CanaryError` where it does not answer."""
        return EdgeSplit(self._level.addresses, Edge(self._level.addresses.envoy_admin_port), MODEL)

    def obstacle(self) -> str | None:
        """Why no candidate can be released now, or None."""
        if os.environ.get("SHOP_SIGNED_BY") and not os.environ.get("SHOP_SIGN_WITH"):
            return "level 3 serves signed models only, and SHOP_SIGN_WITH names no key: set it, or unset SHOP_SIGNED_BY"
        split = self.split.split
        if split.weight:
            remedy = f"run make canary-3 MODEL={MODEL} WEIGHT=0"
            return f"version {split.candidate} of {MODEL} has {split.weight} %: {remedy}"
        return None

    def release(self, change: Callable[[bytes], bytes], weight: int) -> str:
        """Makes a version from the stable one, loads it, and gives it so many per cent; returns its number."""
        self._forget()
        traffic = self.split
        stable = Artefact(self._folder / traffic.split.stable)
        number, card = max(versions(self._folder)) + 1, stable.card()
        card = replace(card, version=str(number), algorithm=f"{card.algorithm}, {_MADE}", parameters={})
        write_artefact(self._folder / str(number), change(stable.onnx()), card)
        self._level.triton.add(MODEL, number)
        traffic.nominate(str(number))
        traffic.shift(weight)
        return str(number)

    def stop(self) -> None:
        """Gives the stable version all traffic, as ``make canary-3 MODEL=ranking WEIGHT=0`` does."""
        self.split.shift(0)

    def remove(self) -> None:
        """Takes away what `release` made, whoever it was called by."""
        traffic = self.split
        traffic.shift(0)
        left = [each for each in versions(self._folder) if not self._is_made(each)]
        if self._is_made(int(traffic.split.candidate)):
            others = [str(each) for each in left if str(each) != traffic.split.stable]
            traffic.nominate(others[-1] if others else str(int(traffic.split.stable) + 1))
        self._forget()

    def _forget(self) -> None:
        for number in versions(self._folder):
            if self._is_made(number):
                with suppress(ControlError):  # it was never loaded
                    self._level.triton.remove(MODEL, number)
                shutil.rmtree(self._folder / str(number))

    def _is_made(self, version: int) -> bool:
        try:
            return Artefact(self._folder / str(version)).card().algorithm.endswith(_MADE)
        except ArtefactError:
            return False


def other_way_round(graph: bytes) -> bytes:
    """The graph with all scores turned around, and lower: what was last comes first."""
    model = onnx.load_from_string(graph)
    (output,) = model.graph.output
    _rename(model, output.name, "right_scores")
    for name, value in (("turned", -1), ("lower", 4)):
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    model.graph.node.append(helper.make_node("Mul", ["right_scores", "turned"], ["turned_scores"]))
    model.graph.node.append(helper.make_node("Sub", ["turned_scores", "lower"], [output.name]))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def with_a_forgotten_branch(graph: bytes) -> bytes:
    """The graph with a branch that multiplies large matrices for nothing: the same scores, some 30 ms later."""
    once = _slower(graph, 1)
    each_s = max(_took_s(_slower(graph, 3)) - _took_s(once), 2e-4) / 2
    return _slower(graph, max(1, round(_SECONDS / each_s)))


def _slower(graph: bytes, times: int) -> bytes:
    model = onnx.load_from_string(graph)
    (source,), (output,) = model.graph.input, model.graph.output
    _rename(model, output.name, "scores_alone")
    constants = {"forgotten": np.eye(_SIZE, dtype=np.float32), "nought": np.array(0, np.float32)}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    nodes = [
        helper.make_node("ReduceMean", [source.name], ["branch_mean"], keepdims=0),
        helper.make_node("Mul", ["branch_mean", "nought"], ["branch_nought"]),
        helper.make_node("Add", ["forgotten", "branch_nought"], ["branch_0"]),
        *(helper.make_node("MatMul", [f"branch_{step}", "forgotten"], [f"branch_{step + 1}"]) for step in range(times)),
        helper.make_node("ReduceMean", [f"branch_{times}"], ["branch_end"], keepdims=0),
        helper.make_node("Mul", ["branch_end", "nought"], ["branch_slack"]),
        helper.make_node("Add", ["scores_alone", "branch_slack"], [output.name]),
    ]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _rename(model: Any, old: str, new: str) -> None:
    for node in model.graph.node:
        node.output[:] = [new if name == old else name for name in node.output]
        node.input[:] = [new if name == old else name for name in node.input]


def _took_s(graph: bytes) -> float:
    """The CPU time of the quickest of a few runs, in one thread as Triton has it: a busy machine does not change it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    rows = {session.get_inputs()[0].name: np.zeros((_ROWS, RANKING_WIDTH), np.float32)}
    session.run(None, rows)
    took = []
    for _ in range(_RUNS):
        begun = time.thread_time()
        session.run(None, rows)
        took.append(time.thread_time() - begun)
    return min(took)
