"""Overlays rendered by the environment's own kubectl, so that what is checked does not depend on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from workbench.manifests.documents import Document, ManifestError, parse

__all__ = ["build", "find_kubectl", "render"]

_TIMEOUT_S = 60


def find_kubectl() -> str:
    """The kubectl beside the running Python (pinned in ``versions.toml``), else the one on PATH."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("kubectl", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
    if found is None:
        raise ManifestError("kubectl: not found beside Python nor on PATH; `make setup` installs it")
    return found


def render(overlay: Path) -> str:
    """The YAML stream of a kustomize overlay, without touching the network.

    Raises:
        ManifestError: no kustomization there, or kustomize refused it (its own message is passed on).
    """
    if not overlay.is_dir():
        raise ManifestError(f"{overlay}: not a folder with a kustomization.yaml")
    result = subprocess.run(
        [find_kubectl(), "kustomize", str(overlay)],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    # A warning (a deprecated field) on stderr is a fault too: tomorrow's kustomize drops that field.
    if result.returncode or result.stderr.strip():
        raise ManifestError(f"{overlay}: kustomize: {result.stderr.strip() or f'exit {result.returncode}'}")
    return result.stdout


def build(overlay: Path) -> list[Document]:
    """The documents of a kustomize overlay, in the order kubectl would apply them; errors as :func:`render`."""
    return parse(render(overlay), str(overlay))
