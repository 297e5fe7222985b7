"""Builds TensorRT engines on the node that will serve them.

An engine fits one kind of GPU and one version of TensorRT, so it is never shipped: ONNX files are, and each node's kind
makes its own engines from them. This file runs in Triton's own image (the engines then fit the server's TensorRT), on
Python's standard library and ``trtexec`` alone::

    python3 build_engine.py build REPOSITORY     model.plan and model.plan.json beside each model.onnx
    python3 build_engine.py verify REPOSITORY    are the engines there for this GPU and this TensorRT?

REPOSITORY is what ``python -m shop.serving.repository --backend tensorrt`` writes. Precision is in the graphs: Q/DQ
nodes where a layer is INT8, casts where it is FP16. TensorRT 10 is told to keep to them (``--stronglyTyped``); TensorRT
11 does nothing else, and has neither calibrators nor precision flags any more.

A graph that its version's card (``model.json``) does not vouch for is not built. An engine whose answers are not those
of the FP32 graph on ONNX Runtime (``check.json``) is not put in place.

Not run by this repository's tests, which have no GPU: they run it against a stand-in for ``trtexec``.
"""  # noqa: INP001 - mounted into a container as a file

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from math import sqrt
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any

__all__ = ["EngineError", "Node", "Profile", "build", "main", "verify"]

Version = tuple[int, int, int]

OLDEST: Version = (10, 0, 0)
"""Strong typing together with INT8 graphs; the tensors' names in place of bindings."""

BATCHES = (1, 16, 100)
"""Rows at which a finished engine's latency is measured, as far as its profile goes."""

TOLERANCES = {"FP32": 0.01, "FP16": 0.02, "INT8": 0.1}
"""Allowed error of each output: root mean square in standard deviations; of item ids the share that differs."""

_TRTEXEC = ("trtexec", "/usr/src/tensorrt/bin/trtexec", "/opt/tensorrt/bin/trtexec")


class EngineError(Exception):
    """An engine that cannot be built here, or must not be used here."""


@dataclass(frozen=True)
class Node:
    """What an engine is built for."""

    gpu: str
    compute_capability: str
    driver: str
    tensorrt: str

    @classmethod
    def here(cls, trtexec: str) -> Node:
        """This machine's.

        Raises:
            EngineError: there is no GPU, or its TensorRT is too old.
        """
        query = ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
        first = _output(query).strip().splitlines()[:1]
        if not first or first[0].count(",") != 2:  # noqa: PLR2004 - three fields
            raise EngineError(f"nvidia-smi {first}: expected a GPU's name, compute capability and driver")
        gpu, capability, driver = (field.strip() for field in first[0].split(","))
        version = parse_version(_output([trtexec, "--help"]))
        if version < OLDEST:
            raise EngineError(f"TensorRT {_dotted(version)}: expected {_dotted(OLDEST)} or newer")
        return cls(gpu, capability, driver, _dotted(version))

    @property
    def version(self) -> Version:
        """Of TensorRT, as numbers."""
        major, minor, patch = (int(part) for part in self.tensorrt.split("."))
        return major, minor, patch


@dataclass(frozen=True)
class Profile:
    """The shapes an engine takes: from one row to ``most``, fastest at ``typical``."""

    input: str
    width: int
    typical: int
    most: int

    @classmethod
    def of(cls, config: str) -> Profile:
        """As Triton's configuration of the model says.

        Raises:
            EngineError: it does not say.
        """
        patterns = {
            "input": r'input \[ \{ name: "([^"]+)"',
            "width": r"input \[ \{ [^}]*?dims: \[ (\d+) \]",
            "typical": r'name: "typical" batch_size: (\d+)',
            "most": r"max_batch_size: (\d+)",
        }
        found = {name: re.search(pattern, config) for name, pattern in patterns.items()}
        missing = [name for name, match in found.items() if match is None]
        if missing:
            raise EngineError(
                f"config.pbtxt: expected it to say {', '.join(missing)} (a warm-up, dims, max_batch_size)"
            )
        name, *numbers = (match.group(1) for match in found.values() if match)
        width, typical, most = (int(number) for number in numbers)
        return cls(name, width, min(typical, most), most)

    def shape(self, rows: int) -> str:
        """As trtexec wants it."""
        return f"{self.input}:{rows}x{self.width}"


def build(repository: Path) -> list[str]:
    """Builds what is missing or does not fit; returns a line for each engine.

    Raises:
        EngineError: a graph is not its card's, an engine cannot be built or is not accurate; those before it stay.
    """
    trtexec = _find_trtexec()
    node = Node.here(trtexec)
    lines = []
    for onnx in _graphs(repository):
        name = onnx.parent.relative_to(repository)
        if _reason_against(onnx, node) is None:
            lines.append(f"{name}: there already")
            continue
        record = _build_one(trtexec, node, onnx)
        lines.append(f"{name}: built for {node.gpu}, TensorRT {node.tensorrt}; error {record['accuracy']}")
    return lines


def verify(repository: Path) -> None:
    """Holds each engine against this node.

    Raises:
        EngineError: one is missing, or was built for something else.
    """
    node = Node.here(_find_trtexec())
    for onnx in _graphs(repository):
        reason = _reason_against(onnx, node)
        if reason:
            raise EngineError(f"{onnx.with_suffix('.plan')}: {reason}")


def parse_version(banner: str) -> Version:
    """The version in trtexec's first line, ``[TensorRT v101303]``; until 8 it had one digit for the minor version.

    Raises:
        EngineError: there is none.
    """
    match = re.search(r"\[TensorRT v(\d+)\]", banner)
    if match is None:
        raise EngineError(f"trtexec {banner[:80]!r}: expected it to begin with its version")
    number = int(match.group(1))
    if number < 10_000:  # noqa: PLR2004 - 8601 is 8.6.1
        return number // 1000, number // 100 % 10, number % 100
    return number // 10_000, number // 100 % 100, number % 100


def build_arguments(version: Version, onnx: Path, plan: Path, profile: Profile, cache: Path) -> list[str]:
    """What trtexec is told, to build an engine."""
    return [
        f"--onnx={onnx}",
        f"--saveEngine={plan}",
        f"--minShapes={profile.shape(1)}",
        f"--optShapes={profile.shape(profile.typical)}",
        f"--maxShapes={profile.shape(profile.most)}",
        f"--timingCacheFile={cache}",
        "--skipInference",
        *(["--stronglyTyped"] if version[0] < 11 else []),  # noqa: PLR2004 - from 11 on there is nothing else
    ]


def error_of(expected: list[float], actual: list[float], rows: int) -> float:
    """How far an output of so many rows is off: of ids the share missing, of others the root mean square in deviations.

    Raises:
        EngineError: the output has another size.
    """
    if len(expected) != len(actual):
        raise EngineError(f"engine's output of {len(actual)} values: expected {len(expected)}")
    if all(isinstance(value, int) for value in expected):
        width = len(expected) // rows
        parts = [slice(start, start + width) for start in range(0, len(expected), width)]
        return 1 - fmean(len(set(expected[part]) & set(actual[part])) / len(set(expected[part])) for part in parts)
    squares = [(one - other) ** 2 for one, other in zip(expected, actual)]  # noqa: B905 - lengths are equal
    error = sqrt(fmean(squares)) / (pstdev(expected) or 1.0)
    return error if error == error else float("inf")  # noqa: PLR0124 - not a number is the worst there is


def _build_one(trtexec: str, node: Node, onnx: Path) -> dict[str, Any]:
    profile = Profile.of(onnx.parents[1].joinpath("config.pbtxt").read_text(encoding="utf-8"))
    precision = _vouched(onnx)["precision"]
    plan = onnx.with_suffix(".plan")
    cache = onnx.parents[2] / f".timing-{node.compute_capability}-{node.tensorrt}.cache"
    with tempfile.TemporaryDirectory(dir=onnx.parent) as folder:
        built = Path(folder) / "model.plan"
        arguments = build_arguments(node.version, onnx, built, profile, cache)
        _output([trtexec, *arguments])
        record = {
            **asdict(node),
            "precision": precision,
            "profile": asdict(profile),
            "onnx_sha256": _sha256(onnx),
            "plan_sha256": _sha256(built),
            "accuracy": _accuracy(trtexec, built, onnx, profile, TOLERANCES[precision]),
            "latency_us": _latencies(trtexec, built, profile),
            "built": datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017 - Python 3.10 has no UTC
        }
        written = Path(folder) / "model.plan.json"
        written.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        os.replace(written, _record(plan))  # noqa: PTH105 - the engine appears last, when its record is there
        os.replace(built, plan)  # noqa: PTH105
    return record


def _accuracy(trtexec: str, plan: Path, onnx: Path, profile: Profile, tolerance: float) -> dict[str, float] | None:
    """Each output's error on rows whose answers are known; None where there are no such rows.

    Raises:
        EngineError: one is too large, or the answers are not those that their version's card vouches for.
    """
    known = sorted(onnx.parents[1].glob("*/check.json"))
    if not known:
        return None
    _vouched(known[0])
    check = json.loads(known[0].read_text(encoding="utf-8"))
    rows, answers = plan.with_name("rows.bin"), plan.with_name("answers.json")
    flat = [value for row in check["rows"] for value in row]
    rows.write_bytes(struct.pack(f"<{len(flat)}f", *flat))
    shape = profile.shape(len(check["rows"]))
    run = [f"--loadEngine={plan}", f"--shapes={shape}", f"--loadInputs={profile.input}:{rows}"]
    _output([trtexec, *run, f"--exportOutput={answers}", "--iterations=1", "--duration=0", "--warmUp=0"])
    given = {each["name"]: each["values"] for each in _json(answers)}
    count = len(check["rows"])
    errors = {name: round(error_of(values, given.get(name, []), count), 5) for name, values in check["outputs"].items()}
    wrong = {name: error for name, error in errors.items() if not error <= tolerance}
    if wrong:
        raise EngineError(f"{onnx}: error {wrong} against FP32 on ONNX Runtime: expected at most {tolerance}")
    return errors


def _latencies(trtexec: str, plan: Path, profile: Profile) -> dict[str, float]:
    """Median microseconds of a request, copies to and from the GPU included, for each number of rows."""
    found = {}
    for rows in (batch for batch in BATCHES if batch <= profile.most):
        times = plan.with_name(f"times-{rows}.json")
        _output([trtexec, f"--loadEngine={plan}", f"--shapes={profile.shape(rows)}", f"--exportTimes={times}"])
        found[str(rows)] = round(median(each["latencyMs"] for each in _json(times)) * 1000, 1)
    return found


def _vouched(path: Path) -> dict[str, Any]:
    """The card of the version that a file belongs to.

    Raises:
        EngineError: the card does not vouch for the file's bytes, or cannot be read.
    """
    card = path.with_name("model.json")
    try:
        content: dict[str, Any] = json.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{card}: expected the version's card: {error}") from None
    if _sha256(path) not in (content.get("sha256"), *content.get("files", {}).values()):
        raise EngineError(f"{path}: expected the bytes that {card.name} vouches for: publish the models again")
    return content


def _reason_against(onnx: Path, node: Node) -> str | None:
    """Why the engine beside a graph must not be used here; None where nothing speaks against it."""
    plan = onnx.with_suffix(".plan")
    try:
        record = json.loads(_record(plan).read_text(encoding="utf-8"))
        actual = _sha256(plan)
    except (OSError, ValueError) as error:
        return f"expected an engine and its record: {error}"
    for name in ("gpu", "compute_capability", "tensorrt"):
        if record.get(name) != getattr(node, name):
            return f"built for {name} {record.get(name)}: expected {getattr(node, name)}; build it here"
    if record.get("onnx_sha256") != _sha256(onnx):
        return "built from another graph: expected one of the model.onnx beside it; build it here"
    if record.get("plan_sha256") != actual:
        return "not the bytes that its record vouches for; build it here"
    return None


def _graphs(repository: Path) -> list[Path]:
    graphs = sorted(path for path in repository.glob("*/*/model.onnx") if path.parent.name.isdigit())
    if not graphs:
        raise EngineError(f"{repository}: expected MODEL/VERSION/model.onnx in it")
    return graphs


def _record(plan: Path) -> Path:
    return plan.with_name("model.plan.json")


def _find_trtexec() -> str:
    for name in _TRTEXEC:
        found = shutil.which(name)
        if found:
            return found
    raise EngineError(f"trtexec: expected on PATH or as {_TRTEXEC[1]}: run this in an image that has TensorRT")


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise EngineError(f"{command[0]}: {error.strerror}: expected a GPU node and an image with TensorRT") from None
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise EngineError(f"{' '.join(command)}: exit code {done.returncode}:\n{last}")
    return done.stdout


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"trtexec's {path.name}: expected JSON with finite numbers: {error}") from None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


def main(argv: list[str] | None = None) -> int:
    """The command; 0, or 1 with a line that says what is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("action", choices=["build", "verify"])
    parser.add_argument("repository", type=Path)
    options = parser.parse_args(argv)
    try:
        if options.action == "build":
            for line in build(options.repository):
                sys.stdout.write(line + "\n")
        else:
            verify(options.repository)
    except EngineError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
