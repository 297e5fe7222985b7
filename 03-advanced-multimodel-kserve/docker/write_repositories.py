"""Writes Triton's model repositories for an image: for each backend one with every version, and one for each version.

    python write_repositories.py MODELS REPOSITORIES     where shop can be imported

REPOSITORIES then has BACKEND/all and BACKEND/VERSION. A version that a model does not have is missing for that model
alone. The sums beside each repository let whoever copies it see that it arrived whole.
"""  # noqa: INP001 - a file for a build, not a package's

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

from shop.serving.model_config import Backend
from shop.serving.repository import versions, write_model

SUMS = "SHA256SUMS"


def main(models: Path, repositories: Path) -> None:
    """Writes all of them, readable for everybody."""
    folders = sorted(folder for folder in models.iterdir() if versions(folder))
    for backend in Backend:
        for folder in folders:
            write_model(folder, _made(repositories / backend / "all"), backend)
            for version in versions(folder):
                with tempfile.TemporaryDirectory() as alone:
                    single = Path(alone) / folder.name
                    single.mkdir()
                    (single / str(version)).symlink_to(folder / str(version))
                    write_model(single, _made(repositories / backend / str(version)), backend)
        for repository in (repositories / backend).iterdir():
            _sum(repository)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _sum(repository: Path) -> None:
    files = sorted(path for path in repository.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(repository)}\n" for path in files]
    (repository / SUMS).write_text("".join(lines), encoding="utf-8")
    for path in [repository, *repository.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
