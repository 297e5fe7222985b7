"""The needs of the levels and the make targets, one row of the table for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from course.doctor import probes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["LEVELS", "LevelNeeds", "Need", "needs", "present"]


@dataclass(frozen=True)
class LevelNeeds:
    """The needs of a level's embedded runtime while it is trained, served and put under load.

    Args:
        number: N in ``make up-N``.
        folder: where it lies in the repository.
        ports: the entry points that it opens on 127.0.0.1.
        ram_gib: free memory.
    """

    number: int
    folder: str
    ports: tuple[int, ...]
    ram_gib: float


@dataclass(frozen=True)
class Need:
    """One thing that a machine should have.

    Args:
        what: its name.
        by: who needs it, and how much of it.
        levels: the numbers of the levels that cannot run without it; empty if it is optional.
        probe: the function that looks for it.
        remedy: the advice when it is missing.
    """

    what: str
    by: str
    levels: tuple[int, ...]
    probe: Callable[[], probes.Finding]
    remedy: str


LEVELS = (
    LevelNeeds(1, "01-beginner-iris-api", (8100, 8101), ram_gib=1.5),
    LevelNeeds(2, "02-intermediate-seldon-pipeline", (8200,), ram_gib=2.5),
    LevelNeeds(3, "03-advanced-multimodel-kserve", (8300,), ram_gib=4.0),
)

_PYTHON = (3, 11)
_DISK_GIB = 4.0  # the environments take 2.2 GiB, their downloads as much again where a cache keeps them
_CORES = 2
_OPTIONAL: tuple[tuple[str, str, Callable[[], probes.Finding], str], ...] = (
    ("cores", f"SLA figures: ≥ {_CORES}", partial(probes.cores, _CORES),
     "all runs, but the load generator and the server share one core"),
    ("Docker engine", "make image-N, test-images", probes.docker,
     "install docker.io (Debian) or Docker ContainerEngine, start it, join the group docker"),
    ("minikube", "make cluster-up-N", partial(probes.program, ["minikube"], ["version", "--short"]),
     "minikube.sigs.k8s.io/docs/start; `make deploy-N CONTEXT=…` takes any cluster of your kubeconfig"),
    ("kubectl", "make deploy-N", partial(probes.program, ["kubectl"], ["version", "--client"]),
     "make setup installs it into the environment"),
    ("helm", "make cluster-up-N, levels 2 and 3", partial(probes.program, ["helm"], ["version", "--short"]),
     "helm.sh/docs/intro/install"),
    ("NVIDIA driver", "TensorRT, level 3", partial(
        probes.program, ["nvidia-smi"], ["--query-gpu=name,driver_version", "--format=csv,noheader"], ".+"),
     "install NVIDIA's driver; without a GPU the models run on the CPU"),
    ("Prometheus", "make observe", partial(probes.program, ["prometheus"], ["--version"]),
     "install prometheus (Debian), or put its release on PATH"),
    ("Valkey or Redis", "levels 2 and 3", partial(probes.program, ["valkey-server", "redis-server"], ["--version"]),
     "nothing to do: the environment brings its own"),
    ("libgomp1", "LightGBM in make train-3", partial(probes.library, "libgomp.so.1"),
     "nothing to do: training takes scikit-learn's copy"),
)  # fmt: skip


def present(root: Path) -> list[LevelNeeds]:
    """The levels that the repository in `root` holds."""
    return [level for level in LEVELS if (root / level.folder).is_dir()]


def needs(root: Path) -> list[Need]:
    """All rows: the needs of every level, those of each level here, then the optional things."""
    levels = present(root)
    everyone = tuple(level.number for level in levels)
    rows = [
        Need("Python", "everything: ≥ 3.11", everyone, partial(probes.python, _PYTHON),
             "install Python 3.11 and say `make PYTHON=python3.11 …`"),
        Need("disk", f"everything: ≥ {_DISK_GIB:g} GiB", everyone,
             partial(probes.disk, _DISK_GIB, root), "free some space, or move the checkout"),
    ]  # fmt: skip
    for level in levels:
        number, listed = level.number, ", ".join(map(str, level.ports))
        rows += [
            Need("memory", f"level {number}: ≥ {level.ram_gib:g} GiB", (number,), partial(probes.memory, level.ram_gib),
                 "stop other programs, or give the machine more"),
            Need(f"ports {listed}", f"level {number}", (number,),
                 partial(probes.ports, level.ports, root / ".run" / str(number)), "stop what holds it"),
        ]  # fmt: skip
    return rows + [Need(what, by, (), probe, remedy) for what, by, probe, remedy in _OPTIONAL]
