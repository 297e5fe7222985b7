"""``make model-keys``: who trained a model. The private key signs ``model.json`` by Ed25519, the public one checks it.

The card has the sha256 of the files beside it, but whoever can write one file can write the other. The signature lies
beside the card, as the 64 bytes that OpenSSL also writes and reads::

    openssl pkeyutl -verify -pubin -inkey models.pub -rawin -in model.json -sigfile model.json.sig

A level signs when trained with ``<LEVEL>_SIGN_WITH=…/models.key``, and asks for signatures when started with
``<LEVEL>_SIGNED_BY=…/models.pub``; the level is IRIS, RECOMMENDER or SHOP. A signature has no date: what keeps an old
model out is that a card is taken only in its version's folder, and none below ``<LEVEL>_VERSION_MIN``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["SIGNATURE", "KeyFileError", "is_signed", "main", "sign"]

SIGNATURE: Final = "model.json.sig"
"""The file beside a card that holds its signature."""

_FOLDER: Final = Path(".keys")
"""Not in ``.run``: `make clean` deletes what can be rebuilt, and a key cannot be."""


class KeyFileError(Exception):
    """A key file holds no key or cannot be read; the message names it."""


def sign(content: bytes, private_key: Path) -> bytes:
    """The signature of the bytes by that private key.

    Raises:
        KeyFileError: the file holds no private Ed25519 key.
    """
    return _private(private_key).sign(content)


def is_signed(content: bytes, signature: bytes, public_key: Path) -> bool:
    """Whether the owner of that public key made the signature of the bytes.

    Raises:
        KeyFileError: the file holds no public Ed25519 key.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only who checks signatures loads it

    try:
        _public(public_key).verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _private(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: no private key of Ed25519 in PEM without a password: make model-keys writes one")
    return key


def _public(path: Path) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    try:
        key = load_pem_public_key(_read(path))
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path}: no public key of Ed25519 in PEM: make model-keys writes one")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}: make model-keys writes a pair") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Writes a pair of keys into a folder and prints how to use them; returns the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    folder = Path(arguments[0]) if arguments else _FOLDER
    try:
        private, public = _write_pair(folder.resolve())
    except FileExistsError as error:
        sys.stderr.write(f"error: {error.filename}: exists already: use it, or name another folder\n")
        return 1
    sys.stdout.write(
        f"private  {private}  signs: keep it away from servers and repositories\n"
        f"public   {public}\n"
        f"sign     IRIS_SIGN_WITH={private} make train-1\n"
        f"ask      IRIS_SIGNED_BY={public} make up-1\n"
        "         (level 2: RECOMMENDER_SIGN_WITH, RECOMMENDER_SIGNED_BY; level 3: SHOP_SIGN_WITH, SHOP_SIGNED_BY)\n"
    )
    return 0


def _write_pair(folder: Path) -> tuple[Path, Path]:
    from cryptography.hazmat.primitives import serialization as forms  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key, pem = Ed25519PrivateKey.generate(), forms.Encoding.PEM
    secret = key.private_bytes(pem, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    shown = key.public_key().public_bytes(pem, forms.PublicFormat.SubjectPublicKeyInfo)
    private, public = folder / "models.key", folder / "models.pub"
    folder.mkdir(parents=True, exist_ok=True)
    # nobody else may read it, not even for the moment between writing and a change of its mode
    with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    public.write_bytes(shown)
    return private, public


if __name__ == "__main__":
    sys.exit(main())
