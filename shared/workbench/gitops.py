"""``make pin-N ENVIRONMENT=staging RELEASE=v1.2.0``: writes a release's digests into what Argo CD deploys there.

The change is a commit like any other: reviewed, and undone by reverting it. `make publish-N` has
left the digests in ``.run/images/published-N.sha256``, which its job keeps.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import TYPE_CHECKING, Final

from servekit.whole_file import write_whole
from workbench.images.publish import RELEASE_TAG
from workbench.images.sbom import FOLDER as IMAGES
from workbench.terminal import say
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FOLDER", "GitOpsError", "pin", "pinned"]

FOLDER: Final = ROOT / "infra" / "pipelines" / "gitops"
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S+)")


class GitOpsError(RuntimeError):
    """There is nothing to pin, or nowhere; the message says which and the remedy. Nothing was written."""


def pin(level: int, environment: str, release: str, folder: Path = FOLDER, images: Path = IMAGES) -> Path:
    """Rewrites the level's Application of an environment; returns its file.

    Raises:
        GitOpsError: no such environment or release, no digests, or an image that the Application does not name.
    """
    file = folder / environment / f"level-{level}.yaml"
    known = ", ".join(sorted(path.name for path in folder.iterdir() if (path / file.name).is_file()))
    if environment not in known.split(", "):
        raise GitOpsError(f"ENVIRONMENT {environment or '(none)'}: expected one of {known}")
    if not RELEASE_TAG.fullmatch(release):
        raise GitOpsError(f"RELEASE {release or '(none)'}: expected the tag that `make publish-{level}` pushed")
    digests = images / f"published-{level}.sha256"
    if not digests.is_file():
        raise GitOpsError(f"{digests.name}: not there; `make publish-{level}` writes it, and its job keeps it")
    text = file.read_text(encoding="utf-8")
    for line in digests.read_text(encoding="utf-8").splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            raise GitOpsError(f"{digests.name}: {line}: expected a sha256 in hex, two blanks and an image's name")
        text = pinned(text, found[2], release, found[1])
    write_whole(file, text.encode())
    return file


def pinned(text: str, repository: str, release: str, digest: str) -> str:
    """An Application's text with the image in both forms that Argo CD takes, and with the release's own manifests.

    An environment that follows a branch goes on following it.

    Raises:
        GitOpsError: the Application does not name the image, or more than once.
    """
    name = re.escape(repository.rpartition("/")[2])
    tag = f"{release}@sha256:{digest}"
    text, kustomized = re.subn(rf"=\S*/{name}:\S+$", f"={repository}:{tag}", text, flags=re.MULTILINE)
    helm = rf"value: \S*/{name}\n(\s+- name: images\.\w+\.tag\n\s+value: )\S+$"
    text, rendered = re.subn(helm, rf"value: {repository}\n\g<1>{tag}", text, flags=re.MULTILINE)
    if kustomized + rendered != 1:
        raise GitOpsError(f"image {repository}: expected once in the Application, found {kustomized + rendered} times")
    return re.sub(r"^( +targetRevision: )v\S+$", rf"\g<1>{release}", text, flags=re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    """Pins what ``ENVIRONMENT`` and ``RELEASE`` name; returns 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m workbench.gitops", description="Pin a release for Argo CD.")
    parser.add_argument("level", type=int)
    level = parser.parse_args(arguments).level
    try:
        file = pin(level, os.environ.get("ENVIRONMENT", ""), os.environ.get("RELEASE", ""))
    except GitOpsError as error:
        sys.stderr.write(f"pin-{level}: {error}\n")
        return 1
    say(f"{file.relative_to(ROOT)}: pinned; `git diff` shows it, a commit of it deploys it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
