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
from workbench.conformance.registry import Level, NotApplicableError, Outcome, Result, ViolationError
from workbench.conformance.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.conformance.registry import Check

__all__ = ["CHECKS", "conforms", "run"]

CHECKS: tuple[Check, ...] = (*HEALTH, *INFERENCE, *REFUSALS)


def run(base_url: str, model: str, version: str = "", **options: Any) -> list[Result]:
    """Runs every check against a server; the arguments are those of `Target`.

    Raises:
        UnreachableError: nothing answers at the base URL or at the gRPC address.
    """
    with Target(base_url, model, version, **options) as target:
        target.reach()
        return [_judge(check, target) for check in CHECKS]


def conforms(results: Iterable[Result], *, strict: bool = False) -> bool:
    """Whether nothing failed that the protocol demands; ``strict``: nor that it recommends."""
    return not any(each.outcome is Outcome.FAILED and (strict or each.level is Level.MUST) for each in results)


def _judge(check: Check, target: Target) -> Result:
    try:
        check.body(target)
    except NotApplicableError as reason:
        return Result(check, Outcome.SKIPPED, check.level, str(reason))
    except ViolationError as violation:
        return Result(check, Outcome.FAILED, violation.level or check.level, str(violation))
    except grpc.RpcError as error:
        return Result(check, Outcome.FAILED, check.level, f"gRPC answered {error.code().name}: {error.details()}")
    except (ServingError, httpx.HTTPError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Result(check, Outcome.FAILED, check.level, f"the answer is not understood: {error}")
    return Result(check, Outcome.PASSED, check.level)
