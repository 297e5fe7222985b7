"""What the engines' files say, read as each engine reads them: jobs, what they need, and the make targets they call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["GITLAB", "JENKINS", "WORKFLOWS", "missing_needs", "read", "targets", "targets_of_makefile"]

PIPELINES = ROOT / "infra" / "pipelines"
WORKFLOWS = sorted((PIPELINES / "github" / "workflows").glob("*.yaml"))
GITLAB = PIPELINES / "gitlab" / ".gitlab-ci.yml"
JENKINS = PIPELINES / "jenkins" / "Jenkinsfile"

_CALL = re.compile(r"\bmake((?: +(?:[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?:-\$\w+)?|[A-Z_]+=\S+))+)")
_COMMENT = re.compile(r"^\s*(?:#|//).*$|\s#\s.*$", re.MULTILINE)
_NOT_JOBS = {"workflow", "stages", "variables", "default"}


def read(path: Path) -> dict[str, Any]:
    """The file as texts: `on` is a key, not a truth value, and nothing else is made of it."""
    loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    assert isinstance(loaded, dict)
    return loaded


def missing_needs(jobs: dict[str, Any]) -> list[str]:
    """Each name in `needs` or `extends` that no job has, with the job that says it."""
    return [
        f"{job}: {name}"
        for job, body in jobs.items()
        if isinstance(body, dict) and job not in _NOT_JOBS
        for key in ("needs", "extends")
        for name in _listed(body.get(key, []))
        if name not in jobs
    ]


def targets(path: Path) -> set[str]:
    """The make targets that a file calls, with N for the level."""
    called = _CALL.findall(_COMMENT.sub("", path.read_text(encoding="utf-8")))
    words = [word for call in called for word in call.split() if "=" not in word]
    return {re.sub(r"-(?:\$\w+|\d)$", "-N", word) for word in words}


def targets_of_makefile() -> set[str]:
    """Every target that somebody can call, with N for the level."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return {name.replace("%", "N") for name in re.findall(r"^([a-z0-9%-]+):.*## ", text, re.MULTILINE)}


def _listed(value: str | list[Any]) -> Iterator[str]:
    for each in [value] if isinstance(value, str) else value:
        yield each["job"] if isinstance(each, dict) else each
