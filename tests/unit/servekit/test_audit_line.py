from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from servekit.audit import digest
from servekit.audit.line import GENESIS, Head, Sealer

RECORD = Head(3, datetime(2026, 1, 2, tzinfo=UTC), 'quote " and newline \n', GENESIS)


@pytest.mark.parametrize("key", ["", "secret"])
def test_a_sealed_line_is_one_json_line_that_opens_to_the_record(key: str) -> None:
    line, mark = Sealer(key).seal(RECORD)
    assert line.count(b"\n") == 1
    assert json.loads(line)["hash"] == mark
    assert Sealer(key).open(line) == (RECORD, mark)


def test_the_hash_covers_the_lines_own_bytes_with_the_hash_member_cut_out() -> None:
    line, mark = Sealer().seal(RECORD)
    body = line.replace(f',"hash":"{mark}"'.encode(), b"").rstrip(b"\n")
    assert hashlib.sha256(body).hexdigest() == mark
    keyed, mark = Sealer("secret").seal(RECORD)
    body = keyed.replace(f',"hash":"{mark}"'.encode(), b"").rstrip(b"\n")
    assert hmac.digest(b"secret", body, "sha256").hex() == mark


@pytest.mark.parametrize("key", ["", "secret"])
def test_no_byte_of_a_line_can_change(key: str) -> None:
    line, _ = Sealer(key).seal(RECORD)
    for position in range(len(line)):
        assert Sealer(key).open(line[:position] + bytes([line[position] ^ 1]) + line[position + 1 :]) is None


def test_a_seal_without_the_key_does_not_open() -> None:
    assert Sealer("secret").open(Sealer().seal(RECORD)[0]) is None
    assert Sealer("secret").open(Sealer("another").seal(RECORD)[0]) is None


def test_a_sealed_line_of_an_unknown_kind_does_not_open() -> None:
    body = b'{"kind":"surprise"}'
    line = body[:-1] + b',"hash":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n'
    assert Sealer().open(line) is None


def test_digests_tell_values_types_shapes_and_keys_apart() -> None:
    row = np.arange(4, dtype=np.float32)
    tables: list[np.ndarray[Any, Any]] = [row, row + 1, row.astype(np.float64), row.reshape(2, 2), row.view(np.int32)]
    digests = {digest(table) for table in tables} | {digest(row.tobytes()), digest(row, b"key"), digest(b"")}
    assert len(digests) == 8
    assert all(len(text) == 32 for text in digests)


def test_digests_do_not_depend_on_the_memory_layout() -> None:
    table = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert digest(np.asfortranarray(table)) == digest(table) == digest(np.repeat(table, 2, axis=0)[::2])


def test_a_key_of_any_length_keys_a_digest() -> None:
    assert digest(b"x", b"k" * 200) != digest(b"x")
