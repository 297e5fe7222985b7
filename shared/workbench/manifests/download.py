"""``make crds``: the CRD schemas of the pinned releases, fetched once into ``.cache/crds/``."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import httpx

from servekit.whole_file import write_whole
from workbench.manifests.crds import CACHE, split
from workbench.manifests.documents import Document, ManifestError, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from workbench.versions import Release

__all__ = ["download"]

_TIMEOUT_S = 30.0
_OFFLINE = "is this machine online, and HTTPS_PROXY right? CRD_DIR can name a folder of CRD files instead"


def download(
    releases: Iterable[Release], folder: Path = CACHE, say: Callable[[str], None] = print
) -> list[ManifestError]:
    """Fill the cache; a release that lies there already is not fetched again, one of another version is replaced.

    Args:
        releases: what to fetch.
        folder: the cache; one file per release, ``NAME-VERSION.yaml``.
        say: takes one line of progress per release.

    Returns:
        One error for each release that could not be had; the others are in the cache.
    """
    folder.mkdir(parents=True, exist_ok=True)
    errors = []
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT_S) as client:
        for release in releases:
            try:
                say(f"{release.name} {release.version}: {_keep(client, release, folder)}")
            except ManifestError as error:
                errors.append(error)
    return errors


def _keep(client: httpx.Client, release: Release, folder: Path) -> str:
    file = folder / f"{release.name}-{release.version}.yaml"
    if file.is_file():
        return "in the cache"
    text = _select(release, _get(client, release))
    write_whole(file, text.encode())  # an interrupted run leaves no half file that reads as a whole one
    for other in folder.glob(f"{release.name}-[0-9]*.yaml"):
        if other != file:
            other.unlink()
    return f"{len(split(text))} definitions, {len(text) / 1e6:.1f} MB"


def _get(client: httpx.Client, release: Release) -> str:
    try:
        response = client.get(release.url)
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise _fault(release, f"HTTP {error.response.status_code}; is the version in versions.toml right?") from None
    except (httpx.HTTPError, OSError) as error:
        raise _fault(release, f"{error or type(error).__name__}; {_OFFLINE}") from None
    digest = hashlib.sha256(response.content).hexdigest()
    if release.sha256 and digest != release.sha256:
        raise _fault(release, f"sha256 {digest}: expected {release.sha256} (versions.toml)")
    return response.text


def _select(release: Release, text: str) -> str:
    """The definitions of the release's groups, each document's text as it came."""
    wanted: dict[str, Document] = {}
    for part in split(text):
        if "CustomResourceDefinition" not in part:
            continue
        for document in parse(part, release.url, generated=True):
            if document.kind == "CustomResourceDefinition" and document.body["spec"]["group"] in release.groups:
                wanted[part] = document
    kinds = {document.body["spec"]["names"]["kind"] for document in wanted.values()}
    if missing := set(release.kinds) - kinds:
        raise _fault(release, f"no definition of {', '.join(sorted(missing))} in this file, expected one of each")
    return "".join(f"---\n{part.strip()}\n" for part in wanted)


def _fault(release: Release, reason: str) -> ManifestError:
    return ManifestError(f"{release.name} {release.version}: {release.url}: {reason}")
