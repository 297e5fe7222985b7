"""``python -m tests.prepare``: fetches what tests need beyond the environments, or says what is skipped without it.

Nothing here can fail: a machine without a network runs the other tests.
"""

from __future__ import annotations

import subprocess
import sys

from tests.prometheus_program import IMAGE, REMEDY, find
from workbench.manifests import find_crds
from workbench.manifests.crds import CACHE

__all__ = ["main"]

_WITHIN_S = 10.0
_IMAGE_WITHIN_S = 60.0
_PULL = ("docker", "pull", "--quiet", IMAGE)
_FETCH = (sys.executable, "-m", "workbench.manifests", "crds", "--folder")


def main() -> None:
    """Prints a line for each thing that is missing and cannot be had."""
    if find_crds() is None and not _fetch_schemas():
        _say("no CRD schemas, and none to be had within 10 s: tests of manifests with custom resources are skipped; "
             "`make crds` fetches them, or CRD_DIR names a folder that has them")  # fmt: skip
    if find("promtool") is None and not _succeeds(_PULL, _IMAGE_WITHIN_S):
        _say(f"{REMEDY}; without it the tests of alert rules and of the dashboards' queries are skipped")


def _fetch_schemas() -> bool:
    """All of them or none: tests take what is in the cache for the whole."""
    partial = CACHE.with_name("crds.partial")
    fetched = _succeeds((*_FETCH, str(partial)), _WITHIN_S)
    if fetched:
        CACHE.mkdir(parents=True, exist_ok=True)
        for file in partial.glob("*.yaml"):
            file.replace(CACHE / file.name)
        partial.rmdir()
    return fetched


def _succeeds(command: tuple[str, ...], within_s: float) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=within_s).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _say(line: str) -> None:
    sys.stdout.write(f"tests: {line}\n")


if __name__ == "__main__":
    main()
