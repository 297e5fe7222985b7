"""All checks, and how they are run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import httpx
import msgspec

from servekit.errors import ServingError
from workbench.conformance.health import HEALTH
from workbench.conformance.inference import INFERENCE
from workbench.conformance.refusals import REFUSALS
from workbench.conformance.registry import CheckResult, Outcome
from workbench.conformance.target import Target
from workbench.conformance.verdict import NotApplicableError, Requirement, ViolationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.conformance.registry import Check

__all__ = ["CHECKS", "conforms", "run"]

CHECKS: tuple[Check, ...] = (*HEALTH, *INFERENCE, *REFUSALS)


def run(base_url: str, model: str, version: str = "", **options: Any) -> list[CheckResult]:
    """Runs every check against a server; the arguments are those of `Target`.

    Raises:
        UnreachableError: nothing answers at the base URL or at the gRPC address.
    """
    with Target(base_url, model, version, **options) as target:
        target.reach()
        return [_judge(check, target) for check in CHECKS]


def conforms(results: Iterable[CheckResult], *, strict: bool = False) -> bool:
    """Whether nothing failed that the protocol demands; ``strict``: nor that it recommends."""
    return not any(each.outcome is Outcome.FAILED and (strict or each.level is Requirement.MUST) for each in results)


def _judge(check: Check, target: Target) -> CheckResult:
    try:
        check.body(target)
    except NotApplicableError as reason:
        return CheckResult(check, Outcome.SKIPPED, check.level, str(reason))
    except ViolationError as violation:
        return CheckResult(check, Outcome.FAILED, violation.level or check.level, str(violation))
    except grpc.RpcError as error:
        return CheckResult(check, Outcome.FAILED, check.level, f"gRPC answered {error.code().name}: {error.details()}")
    except (ServingError, httpx.HTTPError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return CheckResult(check, Outcome.FAILED, check.level, f"the answer is not understood: {error}")
    return CheckResult(check, Outcome.PASSED, check.level)
