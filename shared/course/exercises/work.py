"""Where a learner's work lies: below ``.learn/``, which git ignores, so that a pull never meets it.

An exercise's file or folder is copied from the starter when it is first opened: ``.learn/1/ex3_percentiles.py``.
"""

from __future__ import annotations

import os
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course.exercises.catalogue import Catalogue, Exercise

__all__ = ["WORK", "answers_folder", "open_work", "reset_work", "work_of"]

WORK = Path(".learn")
_OUTSIDE = re.compile(r"(?m)^(?P<before>\s*- )(?P<path>\.\./\S+)$")


def work_of(catalogue: Catalogue, exercise: Exercise) -> Path:
    """The learner's file or folder, whether it is there yet or not."""
    return WORK / str(catalogue.level) / exercise.file


def answers_folder(catalogue: Catalogue, exercise: Exercise) -> Path:
    """The folder whose file of the exercise's name is to be graded: the learner's once opened, else the starters'."""
    work = work_of(catalogue, exercise)
    return work.parent if work.exists() else catalogue.folder


def open_work(catalogue: Catalogue, exercise: Exercise) -> Path:
    """The learner's file or folder; where there is none yet, a copy of the starter."""
    work, starter = work_of(catalogue, exercise), catalogue.folder / exercise.file
    if not work.exists():
        work.parent.mkdir(parents=True, exist_ok=True)
        if starter.is_dir():
            shutil.copytree(starter, work)
            _keep_references(starter, work)
        else:
            shutil.copyfile(starter, work)
    return work


def reset_work(catalogue: Catalogue, exercise: Exercise) -> Path | None:
    """Starts the exercise anew; returns where the work until now was moved to, None when there was none."""
    work = work_of(catalogue, exercise)
    backup = None
    if work.exists():
        now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-%f")
        backup = WORK / "backups" / f"{catalogue.name(exercise)}-{now}" / exercise.file
        backup.parent.mkdir(parents=True)
        work.rename(backup)
    open_work(catalogue, exercise)
    return backup


def _keep_references(starter: Path, work: Path) -> None:
    """Makes a kustomization that was copied point to the same folders of the repository as before."""
    file = work / "kustomization.yaml"
    if not file.exists():
        return

    def moved(found: re.Match[str]) -> str:
        target = (starter / found["path"]).resolve()
        return f"{found['before']}{os.path.relpath(target, work.resolve())}"

    file.write_text(_OUTSIDE.sub(moved, file.read_text(encoding="utf-8")), encoding="utf-8")
