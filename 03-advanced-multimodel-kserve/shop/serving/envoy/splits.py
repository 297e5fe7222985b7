"""The canary's state: which two versions of a model share its traffic, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from servekit.json_file import write_json
from shop.endpoints import CHAT, MODELS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Split", "read_splits", "write_splits"]

Version = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,8}\Z")]


class Split(msgspec.Struct, frozen=True):
    """``weight`` per cent of a model's requests go to the candidate, the rest to the stable version."""

    stable: Version = "1"
    candidate: Version = "2"
    weight: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0


def read_splits(path: Path) -> dict[str, Split]:
    """The split of each model; of those that the file does not name, and without the file, the default.

    The assistant's is among them only where the file has it.

    Raises:
        ValueError: the file is not what it should be.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b"{}"
    try:
        found = msgspec.json.decode(content, type=dict[str, Split])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}: expected {{model: {{stable, candidate, weight}}}}") from None
    return {model: found.get(model, Split()) for model in (*MODELS, *({CHAT.model} & found.keys()))}


def write_splits(path: Path, splits: Mapping[str, Split]) -> None:
    """Writes the file in one piece: whoever reads it meanwhile sees the old state or the new one."""
    write_json(path, dict(splits))
