"""The course's Markdown, shown in a terminal."""

from __future__ import annotations

import re

from rich.markdown import Markdown

__all__ = ["prose", "references", "targets"]

_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)#\s]+)(?:#[^)]*)?\)")
_MAKE = re.compile(r"`make ((?:[a-z]+(?:-[a-z0-9]+)*\b(?!=) ?)+)")


def prose(text: str) -> Markdown:
    """The text for a terminal: a link to a file of the repository becomes its path from the root."""
    return Markdown(_LINK.sub(_from_root, text), hyperlinks=False)


def references(text: str) -> list[str]:
    """The targets of a text's links as written, without addresses on the web."""
    return [link["target"] for link in _LINK.finditer(text) if "://" not in link["target"]]


def targets(text: str) -> list[str]:
    """The make targets that a text names in ``make A B`` between backquotes."""
    return [target for command in _MAKE.findall(text) for target in command.split()]


def _from_root(link: re.Match[str]) -> str:
    return link[0] if "://" in link["target"] else f"`{link['target'].replace('../', '')}`"
