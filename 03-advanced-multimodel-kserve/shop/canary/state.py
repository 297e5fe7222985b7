"""``.run/3/canary.json``: which versions share each model's traffic. The edge starts with it, commands change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from shop.canary.errors import CanaryError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Split", "read_state", "write_split"]

_Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]


class Split(msgspec.Struct, frozen=True):
    """A model's two versions, and how many percent of its requests the candidate answers."""

    stable: str = "1"
    candidate: str = "2"
    weight: _Percent = 0

    def promoted(self) -> Split:
        """The candidate is stable now, and the version that it replaced stands by for the way back."""
        return Split(self.candidate, self.stable, 0)


def read_state(path: Path) -> dict[str, Split]:
    """Each model's split; a model that is not in the file, or all where there is none, has the default one.

    Raises:
        CanaryError: the file is no such state.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Split])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise CanaryError(
            f"{path}: {error}: expected model: stable, candidate, weight; delete it to begin anew"
        ) from None


def write_split(path: Path, model: str, split: Split) -> None:
    """Replaces one model's split, atomically: whoever reads sees the file before or after.

    Raises:
        CanaryError: the file that is there is no such state.
    """
    state = {**read_state(path), model: split}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".partial")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n")
    fresh.replace(path)
