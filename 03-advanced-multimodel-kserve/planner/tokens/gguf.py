"""Reads what a GGUF file says about its model, and none of its weights.

The file begins with the magic, a version, two counts, and then key, type and value, one after the other, in little
endian (github.com/ggml-org/ggml, docs/gguf.md). The `gguf` package reads all of it, and would bring four packages into
the main environment for the sake of these few numbers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_metadata"]

_FORMATS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_VERSIONS: Final = (2, 3)
_MOST_BYTES: Final = 1 << 26
_MOST_ENTRIES: Final = 1 << 16


def read_metadata(path: Path) -> dict[str, Any]:
    """The numbers and texts of the file's head, by key; of an array, only how many elements it has.

    Raises:
        InvalidValueError: the file cannot be read, is no GGUF file of version 2 or 3, or ends too early.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise InvalidValueError("model", str(path), "expected a GGUF file, which begins with GGUF")
            version, _, entries = _unpack(file, "<IQQ")
            if version not in _VERSIONS or entries > _MOST_ENTRIES:
                raise InvalidValueError("model", str(path), f"GGUF version {version}: expected 2 or 3")
            return dict(_entry(file) for _ in range(entries))
    except OSError as error:
        raise InvalidValueError("model", str(path), f"{error.strerror}: expected a GGUF file") from None
    except (struct.error, UnicodeDecodeError, KeyError, OverflowError):
        raise InvalidValueError("model", str(path), "its head is damaged: fetch it anew") from None


def _entry(file: BinaryIO) -> tuple[str, Any]:
    key = _text(file)
    (kind,) = _unpack(file, "<I")
    return key, _value(file, kind)


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _text(file)
    if kind == _ARRAY:
        of, count = _unpack(file, "<IQ")
        if of == _STRING:
            for _ in range(count):
                _text(file)
        else:
            _take(file, count * struct.calcsize(_FORMATS[of]))
        return count
    (value,) = _unpack(file, f"<{_FORMATS[kind]}")
    return value


def _text(file: BinaryIO) -> str:
    (length,) = _unpack(file, "<Q")
    return _take(file, length).decode()


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, _take(file, struct.calcsize(form)))


def _take(file: BinaryIO, length: int) -> bytes:
    """So many bytes; a damaged length must neither fill the memory nor be taken for the end."""
    if length > _MOST_BYTES:
        raise struct.error
    data = file.read(length)
    if len(data) < length:
        raise struct.error
    return data
