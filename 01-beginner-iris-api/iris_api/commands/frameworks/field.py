"""Who takes part: ``frameworks.toml``, read and checked."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

__all__ = ["FOLDER", "FieldError", "Framework", "chosen", "read_field"]

FOLDER = Path(__file__).parents[3] / "frameworks"


class FieldError(Exception):
    """The file, or a choice from it, names what there is not."""


class Beyond(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a framework gives beyond answering, in a word or two each."""

    batching: str
    versions: str
    metrics: str
    canary: str
    gpu: str
    autoscaling: str
    health: str


class Framework(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row: how a framework is started, asked, and counted.

    In ``command``, ``prepare`` and ``variables``, a name in braces stands for what `place` knows: ``{python}``.

    Attributes:
        name: what ONLY chooses it by.
        title: what the table calls it.
        form: in which form it is asked, one of `exchange.FORMS`.
        path: where it is asked.
        command: starts it in the foreground, one worker.
        code: what its user writes, relative to the level's folder; counted in lines.
        telemetry: what of itself it records while it is measured, as it does by default: ``none``, ``metrics``,
            or ``full``, which is metrics, a log, traces and drift.
        beyond: what it gives besides.
        environment: where its packages are: ``main``, ``seldon``, ``triton``, or one of `.venvs/frameworks`.
        packages: of the main environment, those it needs; empty: the whole environment is its own.
        prepare: run once before it starts; empty for most.
        needs: programs that must be on PATH, and files that must be there.
        image: carries the program that it needs, where no package does; ``--with`` takes it out.
        variables: added to its process's environment.
        token: a JSON file that its start writes, with the token that requests have to carry.
        oip: whether it claims the Open Inference Protocol.
        why_not: the reason why it cannot run where something it needs is missing.
    """

    name: str
    title: str
    form: str
    path: str
    command: list[str]
    code: list[str]
    telemetry: str
    beyond: Beyond
    environment: str = "main"
    packages: list[str] = []
    prepare: list[str] = []
    needs: list[str] = []
    image: str = ""
    variables: dict[str, str] = {}
    token: str = ""
    oip: bool = False
    why_not: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    framework: list[Framework]


def read_field(path: Path = FOLDER / "frameworks.toml") -> list[Framework]:
    """All frameworks, in the order of the table.

    Raises:
        FieldError: the file is not what it should be.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).framework
    except (OSError, ValueError) as error:  # msgspec's and tomllib's are ValueErrors
        raise FieldError(f"{path}: {error}") from None


def chosen(field: list[Framework], only: str, asked_by: str = "ONLY") -> list[Framework]:
    """Those whose names the words of ``only`` name, or begin (``ray`` is both of Ray's); all for no word.

    Raises:
        FieldError: a word names none; the text says who asked, ``asked_by``.
    """
    words = only.replace(",", " ").split()
    for word in words:
        if not any(each.name.startswith(word) for each in field):
            known = " ".join(each.name for each in field)
            raise FieldError(f"{asked_by} {word}: no such framework, expected some of: {known}")
    return [each for each in field if not words or any(each.name.startswith(word) for word in words)]
