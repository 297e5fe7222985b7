"""A registered version: where its artefact lies, what vouches for it, and where it came from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from workbench.registry.errors import RegistryError, UnknownVersionError
from workbench.registry.settings import RegistrySettings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CHALLENGER", "CHAMPION", "ModelVersion", "RegisteredModel", "folder_source"]

CHAMPION: Final = "champion"
"""The alias of the version that is served."""

CHALLENGER: Final = "challenger"
"""The alias of the version that wants to be."""

_SCHEME = "folder"


def folder_source(folder: Path) -> str:
    """A folder as a version's source. A server of MLflow's takes no plain path outside its own runs."""
    return f"{_SCHEME}://{folder.resolve().as_posix()}"


class ModelVersion(msgspec.Struct, frozen=True):
    """A version of a model, as it was registered.

    Attributes:
        model: the registered model's name.
        number: counted by the registry from 1; the artefact's own version is the tag ``artefact_version``.
        source: where the artefact lies, as `folder_source` writes it.
        created_ms: when it was registered, in milliseconds of Unix time.
        tags: what vouches for it, by name: see `workbench.registry.lineage`.
        aliases: that point to it now.
    """

    model: str
    number: int
    source: str
    created_ms: int
    tags: dict[str, str]
    aliases: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of its artefact; where that is gone, the one of its name in ``REGISTRY_ARTEFACTS``.

        So a registry can be handed on, with its folder, to where a checkout has another path. Whoever reads the folder
        compares its bytes with those that were registered.

        Raises:
            RegistryError: it was registered by something else, and lies elsewhere.
        """
        parts = urlsplit(self.source)
        if parts.scheme != _SCHEME:
            raise RegistryError(
                f"source {self.source} of {self.title}: expected {_SCHEME}://…: register the artefact's folder with "
                "workbench.registry"
            )
        written = Path(unquote(parts.path))
        here = RegistrySettings().artefacts / self.model / written.name
        return here if here.is_dir() and not written.is_dir() else written

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.model} {self.number}"

    @property
    def sha256(self) -> str:
        """The digest of its ONNX graph; empty where it was registered by something else."""
        return self.tags.get("sha256", "")

    @property
    def artefact_sha256(self) -> str:
        """The digest of all files of its artefact but the card."""
        return self.tags.get("artefact_sha256", "")

    @property
    def artefact_version(self) -> str:
        """The version in its model card, which clients know."""
        return self.tags.get("artefact_version", "")

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures of its model card."""
        found: dict[str, Any] = json.loads(self.tags.get("metrics", "{}"))
        return found

    @property
    def gate(self) -> dict[str, Any] | None:
        """The report of the gate that judged it; None where there was none."""
        found: dict[str, Any] | None = json.loads(self.tags.get("gate", "null"))
        return found

    @property
    def created(self) -> datetime:
        """When it was registered."""
        return datetime.fromtimestamp(self.created_ms / 1000, UTC)


class RegisteredModel(msgspec.Struct, frozen=True):
    """A model with its versions and the aliases that point to them."""

    name: str
    aliases: dict[str, int]
    versions: dict[int, ModelVersion]

    @classmethod
    def of(cls, name: str, aliases: Mapping[str, int], versions: list[ModelVersion]) -> RegisteredModel:
        """The model; each version learns which aliases point to it, which a search for versions does not say."""
        pointing: dict[int, tuple[str, ...]] = {
            number: tuple(sorted(alias for alias, to in aliases.items() if to == number)) for number in aliases.values()
        }
        known = {
            each.number: msgspec.structs.replace(each, aliases=pointing.get(each.number, ()))
            for each in sorted(versions, key=lambda version: version.number)
        }
        return cls(name, dict(sorted(aliases.items())), known)

    def version(self, number: int) -> ModelVersion:
        """The version with that number.

        Raises:
            UnknownVersionError: there is none.
        """
        if number not in self.versions:
            known = ", ".join(map(str, self.versions)) or "none yet"
            raise UnknownVersionError(f"version {number} of {self.name}: expected one of {known}: make registry")
        return self.versions[number]

    def alias(self, name: str) -> ModelVersion | None:
        """The version that an alias points to; None where there is no such alias.

        Raises:
            UnknownVersionError: it points to a version that is gone.
        """
        if name not in self.aliases:
            return None
        if self.aliases[name] not in self.versions:
            raise UnknownVersionError(
                f"alias {name} of {self.name}: points to version {self.aliases[name]}, which is gone: promote another"
            )
        return self.versions[self.aliases[name]]
