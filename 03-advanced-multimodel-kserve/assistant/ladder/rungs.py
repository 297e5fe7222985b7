"""The rungs of the ladder: what each adds to the one before, the same for both engines where both have it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

__all__ = ["RUNGS", "Rung"]


class Rung(NamedTuple):
    """A way to run the work.

    Attributes:
        engine: as people call it.
        name: what it adds.
        settings: the engine's.
        static: whether a batch must have ended before the next one begins.
        crowded: whether other programs keep all cores busy but one.
    """

    engine: str
    name: str
    settings: dict[str, Any]
    static: bool = False
    crowded: bool = False

    @property
    def title(self) -> str:
        """Engine and name, which no two rungs share."""
        return f"{self.engine}: {self.name}"


_ENGINES: Final = {"openvino": "OpenVINO", "llamacpp": "llama.cpp"}
_PLAIN: Final[dict[str, Any]] = {"threads": 1, "sequences": 8, "prefix_cache": False, "chunked": False}
_CUTS: Final = "openvino"  # llama.cpp cuts prompts always


def _of(engine: str) -> list[Rung]:
    plain = {**_PLAIN, "engine": engine}
    cached = {**plain, "prefix_cache": True}
    best = {**cached, "chunked": engine == _CUTS}
    title = _ENGINES[engine]
    return [
        Rung(title, "one after another", {**plain, "sequences": 1}),
        Rung(title, "static batches of 8", plain, static=True),
        Rung(title, "continuous batching", plain),
        Rung(title, "+ prefix caching", cached),
        *([Rung(title, "+ chunked prefill", best)] if engine == _CUTS else []),
        Rung(title, "+ two threads", {**best, "threads": 2}),
        Rung(title, "one thread, one core free", best, crowded=True),
        Rung(title, "two threads, one core free", {**best, "threads": 2}, crowded=True),
    ]


RUNGS: Final = (*_of("openvino"), *_of("llamacpp"))
"""All rungs, in their order."""
