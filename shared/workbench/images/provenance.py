"""Where an image comes from, as SLSA's build provenance, version 1 (https://slsa.dev/spec/v1.0/provenance).

It says which job of which engine built the image, from which commit and on which base. The job says so itself, so it is
as good as the job's signature; GitHub's own attestation, which the job cannot write, stands beside it there.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from workbench.images.recipe import python_image
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Job", "job", "provenance"]

_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@]*@")


class Job(NamedTuple):
    """What builds: the kind of builder, and the address of this one run."""

    builder: str
    run: str


def job(environment: Mapping[str, str]) -> Job:
    """The engine whose variables are there; a person's own machine has none."""
    if environment.get("GITHUB_ACTIONS"):
        home = f"{environment['GITHUB_SERVER_URL']}/{environment['GITHUB_REPOSITORY']}"
        builder = f"{environment['GITHUB_SERVER_URL']}/{environment['GITHUB_WORKFLOW_REF']}"
        return Job(builder, f"{home}/actions/runs/{environment['GITHUB_RUN_ID']}")
    if environment.get("GITLAB_CI"):
        return Job(f"{environment['CI_PROJECT_URL']}//.gitlab-ci.yml", environment["CI_JOB_URL"])
    if environment.get("JENKINS_URL"):
        return Job(environment["JOB_URL"], environment["BUILD_URL"])
    return Job("a person's machine", "none")


def provenance(name: str, release: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The predicate for the image ``name``; credentials in the remote's address are left out."""
    builder = job(environment)
    source = _CREDENTIALS.sub("", _git("remote", "get-url", "origin") or "unknown")
    base, _, digest = python_image().partition("@sha256:")
    return {
        "buildDefinition": {
            "buildType": f"git+{source}#infra/pipelines",
            "externalParameters": {"image": name, "release": release},
            "resolvedDependencies": [
                {"uri": f"git+{source}", "digest": {"gitCommit": _git("rev-parse", "HEAD") or "unknown"}},
                {"uri": f"pkg:docker/{base.replace(':', '@')}", "digest": {"sha256": digest}},
            ],
        },
        "runDetails": {"builder": {"id": builder.builder}, "metadata": {"invocationId": builder.run}},
    }


def _git(*arguments: str) -> str:
    asked = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip()
