"""YAML documents and what can be wrong with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

__all__ = ["Document", "ManifestError", "Problem", "load", "parse"]

_SHOWN = 80

try:
    _Base: type[yaml.SafeLoader] = yaml.CSafeLoader  # type: ignore[assignment]  # same interface, ten times faster
except AttributeError:  # PyYAML built without libyaml
    _Base = yaml.SafeLoader


class ManifestError(Exception):
    """Manifests that could not be read or built at all."""


@dataclass(frozen=True)
class Document:
    """One Kubernetes object and the file or overlay it came from."""

    source: str
    body: dict[str, Any]

    @property
    def api_version(self) -> str:
        """``group/version``, or ``version`` alone for the core group; empty when absent."""
        return str(self.body.get("apiVersion") or "")

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def kind(self) -> str:
        """The kind; empty when absent."""
        return str(self.body.get("kind") or "")

    @property
    def name(self) -> str:
        """``metadata.name``; empty when absent."""
        metadata = self.body.get("metadata")
        return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""

    def __str__(self) -> str:
        return f"{self.source}: {self.kind or 'no kind'}/{self.name or 'no name'}"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a document: where (``$.spec.replicas``), what stands there, and what was expected."""

    document: Document
    path: str
    value: object
    expectation: str

    def __str__(self) -> str:
        return f"{self.document}: {self.path} {_shorten(self.value)}: {self.expectation}"


def load(path: Path) -> list[Document]:
    """The documents of a YAML file, or of every ``*.yaml`` and ``*.yml`` directly in a folder.

    Raises:
        ManifestError: nothing there, not YAML, a key given twice, or a document that is not an object.
    """
    if not path.is_dir():
        return parse(_read(path), str(path))
    files = sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml"})
    if not files:
        raise ManifestError(f"{path}: no YAML files in this folder")
    return [document for file in files for document in load(file)]


def parse(text: str, source: str, *, generated: bool = False) -> list[Document]:
    """The documents of a YAML stream; empty ones are skipped, lists (``kind: List``) are taken apart.

    Generated YAML (a CRD of megabytes) is not searched for people's slips, which makes it three times as fast to read.
    """
    try:
        loaded = yaml.load_all(text, Loader=_Base if generated else _StrictLoader)
        bodies = [body for body in loaded if body is not None]
    except yaml.YAMLError as error:
        raise ManifestError(f"{source}: not valid YAML: {' '.join(str(error).split())}") from None
    documents: list[Document] = []
    for body in bodies:
        if not isinstance(body, dict):
            raise ManifestError(f"{source}: {_shorten(body)}: a document must be an object")
        items = body.get("items") if body.get("kind") == "List" else None
        documents += [Document(source, item) for item in (items if isinstance(items, list) else [body])]
    return documents


class _StrictLoader(_Base):  # type: ignore[misc, valid-type]  # the base is chosen at run time
    """Safe YAML as Kubernetes reads it: a repeated key is an error, a date is a string, 7786e49 is a number."""

    bool_values = {**_Base.bool_values, "y": True, "n": False}  # noqa: RUF012 - PyYAML's own table

    # PyYAML's signature
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len({key.value for key in keys}) < len(keys):
            texts = [key.value for key in keys]
            twice = next(key for index, key in enumerate(keys) if key.value in texts[:index])
            message = f"key {twice.value!r} is given twice"
            raise yaml.constructor.ConstructorError(None, None, message, twice.start_mark)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


# Readers of YAML differ in what is a number, a boolean or text. These are the rules of kubectl and of the API server
# (sigs.k8s.io/yaml, on go.yaml.in/yaml/v2): for them the unquoted hash 7786e49 is a number, for PyYAML it is text.
_READ_AS = {
    "int": (r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)", "-+0123456789"),
    "float": (r"[-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9_]+)?", "-+.0123456789"),
    "bool": ("|".join(form for word in ("y", "yes", "true", "on", "n", "no", "false", "off")
                      for form in (word, word.capitalize(), word.upper())), "yYnNtTfFoO"),
}  # fmt: skip
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in {*_READ_AS, "timestamp"}]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
for _name, (_pattern, _first) in _READ_AS.items():
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), [*_first])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ManifestError(f"{path}: cannot be read: {reason}") from None


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
