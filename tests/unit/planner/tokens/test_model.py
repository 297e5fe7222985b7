from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from planner.tokens.gguf import read_metadata
from planner.tokens.model import F16, U8, ModelShape, blocks_of
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

SMOLLM2: dict[str, Any] = {
    "general.architecture": "llama",
    "general.name": "small",
    "llama.block_count": 30,
    "llama.attention.head_count": 9,
    "llama.attention.head_count_kv": 3,
    "llama.embedding_length": 576,
    "llama.context_length": 8192,
}


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(path: Path, entries: dict[str, Any], extra: bytes = b"", more: int = 0) -> Path:
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries) + more)
    for key, value in entries.items():
        typed = struct.pack("<I", 8) + text(value) if isinstance(value, str) else struct.pack("<II", 4, value)
        head += text(key) + typed
    path.write_bytes(head + extra)
    return path


def test_the_shape_is_read_from_the_files_head(tmp_path: Path) -> None:
    path = gguf(tmp_path / "small.gguf", SMOLLM2)
    shape = ModelShape.from_gguf(path)
    assert (shape.name, shape.layers, shape.kv_heads, shape.head_size, shape.context) == ("small", 30, 3, 64, 8192)
    assert shape.weights_bytes == path.stat().st_size


def test_of_an_array_only_the_length_is_kept(tmp_path: Path) -> None:
    words = text("words") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    scores = text("scores") + struct.pack("<IIQ", 9, 6, 3) + struct.pack("<fff", 1, 2, 3)
    found = read_metadata(gguf(tmp_path / "a.gguf", {"n": 7}, words + scores, more=2))
    assert found == {"n": 7, "words": 2, "scores": 3}


def test_a_model_without_groups_has_as_many_heads_of_keys_as_of_queries(tmp_path: Path) -> None:
    entries = {key: value for key, value in SMOLLM2.items() if not key.endswith("_kv")}
    assert ModelShape.from_gguf(gguf(tmp_path / "a.gguf", entries)).kv_heads == 9


def test_a_token_takes_layers_times_heads_times_two_vectors(tmp_path: Path) -> None:
    shape = ModelShape.from_gguf(gguf(tmp_path / "a.gguf", SMOLLM2))
    assert shape.kv_bytes_per_token(F16) == 2 * 30 * 3 * 64 * 2
    # OpenVINO itself says 112,066,560 bytes for 256 blocks of 32 tokens
    assert shape.kv_bytes_per_token(U8) * 256 * 32 == 112_066_560
    assert shape.memory_bytes(1000, F16) == shape.weights_bytes + 23_040_000


@pytest.mark.parametrize(("tokens", "blocks"), [(0, 0), (1, 1), (32, 1), (33, 2)])
def test_a_sequence_holds_whole_blocks(tokens: int, blocks: int) -> None:
    assert blocks_of(tokens, 32) == blocks


def test_a_file_that_is_none_or_ends_too_early_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with pytest.raises(InvalidValueError, match="No such file"):
        read_metadata(path)
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(InvalidValueError, match="expected a GGUF file, which begins with GGUF"):
        read_metadata(path)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 1, 0, 0))
    with pytest.raises(InvalidValueError, match="GGUF version 1: expected 2 or 3"):
        read_metadata(path)
    whole = gguf(path, SMOLLM2).read_bytes()
    for cut in range(4, len(whole), 7):
        path.write_bytes(whole[:cut])
        with pytest.raises(InvalidValueError, match="its head is damaged: fetch it anew"):
            read_metadata(path)


def test_a_damaged_length_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = gguf(tmp_path / "a.gguf", {}, struct.pack("<Q", 1 << 60), more=1)
    with pytest.raises(InvalidValueError, match="its head is damaged"):
        read_metadata(path)


def test_a_file_without_a_transformers_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="expected the shape of a transformer"):
        ModelShape.from_gguf(gguf(tmp_path / "a.gguf", SMOLLM2 | {"general.architecture": "other"}))
    with pytest.raises(InvalidValueError, match="expected the shape of a transformer"):
        ModelShape.from_gguf(gguf(tmp_path / "a.gguf", SMOLLM2 | {"llama.attention.head_count": 0}))
