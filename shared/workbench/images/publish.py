"""``make publish-N``: pushes a level's images as one release, and signs each with its bill of materials and provenance.

Cosign signs without a key of ours: the engine that runs the job says by OpenID Connect who it is, Sigstore's
certificate authority (or the one that Cosign's own variables name) certifies that for ten minutes, and the signature is
recorded in a public log. Who deploys asks for that identity, so an image that another job pushed is not deployed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from servekit.whole_file import write_whole
from workbench.images.programs import find_program
from workbench.images.provenance import provenance
from workbench.images.sbom import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.images.engine import ContainerEngine

__all__ = [
    "RELEASE_TAG",
    "PublishError",
    "Released",
    "digest_of",
    "fetch",
    "publish",
    "repository",
    "verify",
    "write_checksums",
]

RELEASE_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PUSH_S: Final = 1800


class PublishError(RuntimeError):
    """An image was not published or is not the one that was; the message says which and why."""


class Released(NamedTuple):
    """An image as the registry has it."""

    repository: str
    release: str
    digest: str

    @property
    def reference(self) -> str:
        """What a manifest runs: the name, the release for readers, and the digest that counts."""
        return f"{self.repository}:{self.release}@{self.digest}"

    @property
    def by_digest(self) -> str:
        """What is signed."""
        return f"{self.repository}@{self.digest}"


def repository(name: str, environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Where ``REGISTRY`` keeps an image, and the tag that ``RELEASE`` gives it.

    Raises:
        PublishError: one is not set, or ``RELEASE`` is no tag.
    """
    registry, release = environment.get("REGISTRY", "").rstrip("/"), environment.get("RELEASE", "")
    if not registry or not release:
        raise PublishError("a release: expected REGISTRY=host/path and RELEASE=tag, for example RELEASE=v1.2.0")
    if not RELEASE_TAG.fullmatch(release):
        raise PublishError(f"RELEASE {release}: expected a tag: letters, digits, '_', '.', '-', at most 128 of them")
    return f"{registry}/{name}", release


def publish(engine: ContainerEngine, image: str, environment: Mapping[str, str] = os.environ) -> Released:
    """Pushes a local image and signs it, its bill of materials and its provenance.

    Raises:
        EngineError: the registry refused it.
        ProgramError: Cosign is not there.
        PublishError: no registry or release is named, there is no bill of materials, or Cosign failed.
    """
    name = image.rpartition(":")[0].rpartition("/")[2]
    there, release = repository(name, environment)
    bill = FOLDER / f"{name}.cdx.json"
    if not bill.is_file():
        raise PublishError(f"image {image}: no bill of materials {bill.name}; `make image-N` writes it with the image")
    cosign = find_program("cosign")
    engine.run("tag", image, f"{there}:{release}")
    engine.run("push", f"{there}:{release}", timeout_s=_PUSH_S)
    released = Released(there, release, digest_of(engine, f"{there}:{release}"))
    _cosign(cosign, "sign", "--yes", released.by_digest)
    _attest(cosign, released, "cyclonedx", bill)
    with tempfile.TemporaryDirectory() as folder:
        predicate = Path(folder, "provenance.json")
        predicate.write_text(json.dumps(provenance(name, release, environment)), encoding="utf-8")
        _attest(cosign, released, "slsaprovenance1", predicate)
    return released


def fetch(engine: ContainerEngine, name: str, environment: Mapping[str, str] = os.environ) -> Released:
    """The image ``name`` of the release, pulled; its digest is the one that the registry has now.

    Raises:
        EngineError: the registry has no such release.
        PublishError: no registry or release is named.
    """
    there, release = repository(name, environment)
    engine.run("pull", "--quiet", f"{there}:{release}", timeout_s=_PUSH_S)
    return Released(there, release, digest_of(engine, f"{there}:{release}"))


def verify(released: Released, environment: Mapping[str, str] = os.environ) -> None:
    """Checks that ``SIGNER`` (an expression for the whole identity), certified by ``SIGNER_ISSUER``, signed the image.

    Raises:
        ProgramError: Cosign is not there.
        PublishError: the variables are missing, or Cosign finds no such signature.
    """
    signer, issuer = environment.get("SIGNER", ""), environment.get("SIGNER_ISSUER", "")
    if not signer or not issuer:
        raise PublishError(
            f"image {released.reference}: expected SIGNER and SIGNER_ISSUER, which say whose signature it must have; "
            "infra/pipelines/README.md has those of each engine"
        )
    whole = f"^(?:{signer})$"
    who = (f"--certificate-identity-regexp={whole}", f"--certificate-oidc-issuer={issuer}")
    _cosign(find_program("cosign"), "verify", *who, "--output=json", released.by_digest)


def write_checksums(level: int, released: list[Released], folder: Path = FOLDER) -> Path:
    """Writes the digests as ``sha256sum`` does, a form that provenance tools read; returns the file."""
    file = folder / f"published-{level}.sha256"
    lines = [f"{each.digest.removeprefix('sha256:')}  {each.repository}\n" for each in released]
    write_whole(file, "".join(lines).encode())
    return file


def digest_of(engine: ContainerEngine, reference: str) -> str:
    """The digest under which the registry has an image that was pushed or pulled by its tag.

    Raises:
        EngineError: the engine does not have the image.
        PublishError: the registry gave it no digest.
    """
    there = reference.rpartition(":")[0]
    for digest in json.loads(engine.run("image", "inspect", "--format={{json .RepoDigests}}", reference)):
        if str(digest).startswith(f"{there}@"):
            return str(digest).rpartition("@")[2]
    raise PublishError(f"image {reference}: the registry gave it no digest; was it pushed?")


def _attest(cosign: str, released: Released, kind: str, predicate: Path) -> None:
    _cosign(cosign, "attest", "--yes", f"--type={kind}", f"--predicate={predicate}", released.by_digest)


def _cosign(cosign: str, *arguments: str) -> None:
    done = subprocess.run([cosign, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PublishError(f"image {arguments[-1]}: cosign {arguments[0]}: exit code {done.returncode}: {last}")
