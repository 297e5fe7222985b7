"""A conformance suite for the Open Inference Protocol, usable against any server.

``python -m workbench.conformance http://127.0.0.1:8100 --model iris --grpc 127.0.0.1:8101`` learns the model's
tensors from its metadata, makes valid requests up from them, and runs every check; from Python, `run` does the same.
A check cites the part of the protocol it comes from:

- ``REST`` and ``gRPC``: ``inference_rest.md`` and ``inference_grpc.md`` of the Open Inference Protocol's specification;
- ``binary``: the binary tensor data extension, as Triton defines it; only asked of servers that declare it.

Servers differ where the protocol lets them. What it demands is a ``MUST``, and fails the suite; what it only
recommends, or what most servers do, is a ``SHOULD``, and is reported.
"""

from workbench.conformance.registry import Check, CheckResult, Outcome
from workbench.conformance.suite import CHECKS, conforms, run
from workbench.conformance.verdict import Requirement, UnreachableError

__all__ = ["CHECKS", "Check", "CheckResult", "Outcome", "Requirement", "UnreachableError", "conforms", "run"]
