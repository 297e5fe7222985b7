"""How much memory an Arrow stream asks for, known before any of it is decompressed.

A compressed stream of 20 kB can hold gigabytes of zeros. pyarrow has no limit to set, but each buffer of a compressed
record batch starts with its size when decompressed, and Arrow writes no more than that.

Source: Arrow's columnar format, "Serialization and Interprocess Communication"; FlatBuffers' internals, "Tables".
"""

from __future__ import annotations

import struct
from struct import unpack_from
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["decompressed_bytes"]

# where a FlatBuffers table keeps a field: its number in the schema, counted from 4 in steps of 2
_MESSAGE_HEADER = 8
_BATCH_BUFFERS = 8
_BATCH_COMPRESSION = 10
_BUFFER = 16


def decompressed_bytes(stream: bytes) -> int:
    """The size that the compressed record batches of the stream claim to have when decompressed; 0 when none is.

    Raises:
        pyarrow.ArrowException, OSError: the bytes are no Arrow IPC stream, or hold more than plain record batches.
    """
    _, *batches = pa.ipc.MessageReader.open_stream(stream)
    for message in batches:
        if message.type != "record batch" or message.metadata_version != pa.ipc.MetadataVersion.V5:
            # dictionaries are not needed for numbers; version 4 had another way to say that a batch is compressed
            version = pa.ipc.MetadataVersion(message.metadata_version).name
            raise pa.ArrowInvalid(f"{message.type} of {version}, expected record batches of V5")
    try:
        return sum(sum(_sizes(message.metadata.to_pybytes(), message.body)) for message in batches)
    except struct.error:
        raise pa.ArrowInvalid("a buffer lies outside its record batch") from None


def _sizes(metadata: bytes, body: pa.Buffer) -> Iterator[int]:
    message = _at(metadata, 0)
    batch = _at(metadata, _field(metadata, message, _MESSAGE_HEADER))
    if not _field(metadata, batch, _BATCH_COMPRESSION):
        return
    vector = _at(metadata, _field(metadata, batch, _BATCH_BUFFERS))
    (count,) = unpack_from("<I", metadata, vector)
    for number in range(count):
        offset, length = unpack_from("<qq", metadata, vector + 4 + number * _BUFFER)
        if length:
            (size,) = unpack_from("<q", body, offset)
            yield length if size < 0 else size  # -1: this one buffer is not compressed


def _at(data: bytes, position: int) -> int:
    (offset,) = unpack_from("<I", data, position)
    return position + int(offset)


def _field(data: bytes, table: int, field: int) -> int:
    (back,) = unpack_from("<i", data, table)
    vtable = table - back
    (size,) = unpack_from("<H", data, vtable)
    (offset,) = unpack_from("<H", data, vtable + field) if field < size else (0,)
    return table + offset if offset else 0
