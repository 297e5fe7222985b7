"""What can go wrong with the registry, each error with its remedy as one sentence for a terminal."""

from __future__ import annotations

__all__ = ["RegistryError", "UnknownVersionError"]


class RegistryError(Exception):
    """The registry does not answer, or refuses, or what it names is not there."""


class UnknownVersionError(RegistryError):
    """The registry answers, and knows no such model, version or alias."""
