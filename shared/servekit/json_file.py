"""JSON documents for machines, indented for the people who open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servekit.whole_file import write_whole

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["indented", "write_json"]


def indented(document: Any) -> bytes:
    """The JSON of a document that msgspec can encode, indented by two blanks; equal documents give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def write_json(path: Path, document: Any) -> None:
    """Writes a document in one piece, with its folder where there is none.

    Raises:
        OSError: the document cannot be written; one that was there before is still there.
    """
    write_whole(path, indented(document))
