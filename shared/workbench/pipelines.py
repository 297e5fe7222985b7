"""``make install-ci PROVIDER=github|gitlab|jenkins``: copies an engine's files from infra/pipelines to where it looks.

The copies work as they stand. A copy that somebody has changed is theirs: it is never overwritten.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from servekit.whole_file import write_whole
from workbench.terminal import say
from workbench.versions import ROOT

__all__ = ["PLACES", "PipelineError", "install", "main"]

PLACES: Final = {
    "github": (Path("infra/pipelines/github/workflows"), Path(".github/workflows")),
    "gitlab": (Path("infra/pipelines/gitlab/.gitlab-ci.yml"), Path(".gitlab-ci.yml")),
    "jenkins": (Path("infra/pipelines/jenkins/Jenkinsfile"), Path("Jenkinsfile")),
}
"""Each engine's files here, and where the engine looks for them."""


class PipelineError(RuntimeError):
    """There is no such engine, or a file of somebody's is in the way; nothing was written."""


def install(provider: str, root: Path = ROOT) -> list[str]:
    """Copies the files; returns a line for each that says what was done.

    Raises:
        PipelineError: ``provider`` is none of the three, or a file there differs from ours.
    """
    if provider not in PLACES:
        raise PipelineError(f"PROVIDER {provider or '(none)'}: expected one of {', '.join(PLACES)}")
    source, target = (root / place for place in PLACES[provider])
    files = {path: target / path.name for path in sorted(source.iterdir())} if source.is_dir() else {source: target}
    changed = [copy for path, copy in files.items() if copy.exists() and copy.read_bytes() != path.read_bytes()]
    if changed:
        names = ", ".join(str(path.relative_to(root)) for path in changed)
        raise PipelineError(f"{names}: differs from ours and was left as it is; compare, then move it away or keep it")
    return [_copy(path, copy, root) for path, copy in files.items()]


def _copy(path: Path, copy: Path, root: Path) -> str:
    if copy.exists():
        return f"{copy.relative_to(root)}: up to date"
    write_whole(copy, path.read_bytes())
    return f"{copy.relative_to(root)}: written, from {path.relative_to(root)}"


def main() -> int:
    """Installs what ``PROVIDER`` names; returns 0, or 1 with the reason on standard error."""
    try:
        lines = install(os.environ.get("PROVIDER", ""))
    except PipelineError as error:
        sys.stderr.write(f"install-ci: {error}\n")
        return 1
    for line in lines:
        say(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
