"""``make licences``: the licence of every Python package in the environments, as the package itself states it.

The list is read from what is installed, so it is never older than the pins. A package whose licence is not among those
that this repository accepts ends the command with exit code 1, unless its environment exists by choice. Versions that
are no Python packages (images, charts, Kubernetes) have their licences in ``versions.toml``.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Final, NamedTuple

from workbench.terminal import say
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message
    from pathlib import Path

__all__ = ["ACCEPTED", "Package", "held", "installed", "licence_of", "main", "refused"]

ACCEPTED: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "Artistic-1.0-Perl",
        "BSD",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
        "ZPL-2.1",
        "Zlib",
    }
)
"""Those that let a service use and ship a package without publishing its own source: names of SPDX, and BSD where a
package does not say which of them. MPL-2.0 asks for changes to the package's own files only."""

_SPELLINGS: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License v2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Apache Software License 2.0": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD",
    "BSD-derived (http://www.repoze.org/LICENSE.txt)": "BSD",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""What packages write where they do not use SPDX's names."""

_READ: Final = {
    "axe-playwright-python": "MIT",
    "docutils": "0BSD AND BSD-2-Clause",  # the GPL is that of an Emacs mode, which the package does not carry
    "promql-parser": "MIT",
    "text-unidecode": "Artistic-1.0-Perl",  # or the GPL, as one likes
}
"""What the licence file in a package says, where its metadata say nothing or more than is true."""

_BY_CHOICE: Final = {"gpu": "NVIDIA's own terms, which who installs them accepts; only make optimize-3 uses them"}
"""Environments that exist only beside their hardware, and of which nothing ships: why they are not held to the list."""


class Package(NamedTuple):
    """A package of an environment."""

    name: str
    version: str
    licence: str
    environment: str


def licence_of(metadata: Message) -> str:
    """An expression of SPDX: what was read in the package, or what its metadata say."""
    if expression := _READ.get(str(metadata["Name"])) or metadata.get("License-Expression"):
        return str(expression)
    stated = str(metadata.get("License") or "").partition("\n")[0].strip()
    if (known := _SPELLINGS.get(stated, stated)) in ACCEPTED:
        return known
    classifiers = [str(each) for each in metadata.get_all("Classifier", []) if str(each).startswith("License ::")]
    words = [each.rpartition(" :: ")[2] for each in classifiers]
    return " OR ".join(_SPELLINGS.get(each, each) for each in words) or stated or "none stated"


def refused(licence: str) -> bool:
    """Whether a part of an expression is not accepted; of alternatives, every one must be."""
    return not {part.strip("() ") for part in re.split(r" (?:AND|OR) ", licence)} <= ACCEPTED


def installed(environments: Iterable[Path]) -> list[Package]:
    """Every package of these environments, by name."""
    found = {
        Package(str(each.metadata["Name"]), each.version, licence_of(each.metadata), environment.name)  # type: ignore[arg-type]
        for environment in environments
        for each in distributions(path=[str(path) for path in environment.glob("lib/python3*/site-packages")])
    }
    return sorted(found, key=lambda package: (package.name.lower(), package.environment))


def held(packages: Iterable[Package]) -> list[Package]:
    """Those that must have an accepted licence: of every environment that does not exist by choice."""
    return [each for each in packages if each.environment not in _BY_CHOICE]


def main() -> int:
    """Prints the table; returns the exit code."""
    packages = installed(path.parent for path in sorted(ROOT.glob(".venvs/*/pyvenv.cfg")))
    say(f"{'package':40}{'version':18}{'environment':13}licence")
    for name, version, licence, environment in packages:
        say(f"{name:40}{version:18}{environment:13}{licence}")
    for environment in sorted(_BY_CHOICE.keys() & {package.environment for package in packages}):
        say(f".venvs/{environment} is not held to the accepted licences: {_BY_CHOICE[environment]}")
    wrong = [f"{each.name} {each.version}: {each.licence}" for each in held(packages) if refused(each.licence)]
    for line in wrong:
        sys.stderr.write(f"error: {line}: expected one of {', '.join(sorted(ACCEPTED))}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
