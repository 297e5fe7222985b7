"""The model of Triton's Python backend: one file for every model, a graph that ONNX Runtime computes.

Triton runs it in a process of its own for each instance, in an environment that has NumPy and ONNX Runtime and nothing
of this repository: the standard library does the rest. It lies in each version's folder, beside the graph and its card.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb

__all__ = ["TritonPythonModel"]


class TritonPythonModel:
    """Answers batches of requests; Triton calls the methods, and finds the class by this name."""

    def initialize(self, args: dict[str, str]) -> None:
        """Reads the graph of this version, if it is the one that its card vouches for.

        Raises:
            TritonModelException: it is not, or cannot be read; Triton reports the text to whoever loads the model.
        """
        folder = Path(args["model_repository"]) / args["model_version"]
        config = json.loads(args["model_config"])
        try:
            graph = _verified(folder)
        except (OSError, ValueError, KeyError) as error:
            raise pb.TritonModelException(f"{folder}: {error}: write the repository anew") from None
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1  # by default as many as the host has cores, whatever the container is given
        options.inter_op_num_threads = 1
        self._run = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"]).run
        self._input = config["input"][0]["name"]
        self._outputs = [output["name"] for output in config["output"]]

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request; the requests that Triton batched are computed as one."""
        rows = [pb.get_input_tensor_by_name(request, self._input).as_numpy() for request in requests]
        if len(rows) == 1:
            return [self._response(self._run(self._outputs, {self._input: rows[0]}))]
        answers = self._run(self._outputs, {self._input: np.concatenate(rows)})
        ends = np.cumsum([len(each) for each in rows])[:-1]
        parts = zip(*(np.split(answer, ends) for answer in answers), strict=True)
        return [self._response(part) for part in parts]

    def _response(self, answers: Any) -> Any:
        return pb.InferenceResponse([pb.Tensor(*each) for each in zip(self._outputs, answers, strict=True)])


def _verified(folder: Path) -> bytes:
    card = json.loads((folder / "model.json").read_bytes())
    graph = (folder / "model.onnx").read_bytes()
    actual = hashlib.sha256(graph).hexdigest()
    if actual != card["sha256"]:
        raise ValueError(f"model.onnx sha256 {actual[:12]}…: expected {card['sha256'][:12]}…, as model.json says")
    return graph
