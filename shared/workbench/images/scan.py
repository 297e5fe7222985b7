"""``make scan-N``: known vulnerabilities in a level's images, judged: the gate before an image is released.

Grype finds them (https://github.com/anchore/grype). An image does not pass with a vulnerability that is high or
critical and that an update of the package would remove, unless an exception for it holds. What nobody has fixed yet
cannot be updated away: it is counted and shown.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Final, NamedTuple

from servekit.whole_file import write_whole
from workbench.images.programs import find_program
from workbench.images.sbom import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from workbench.images.exceptions import Exempt

__all__ = ["ScanError", "Verdict", "Vulnerability", "findings", "judge", "scan"]

_SEVERE: Final = ("Critical", "High")


class ScanError(RuntimeError):
    """Grype could not scan an image; the message has its last line."""


class Vulnerability(NamedTuple):
    """A vulnerability of a package; ``fixed`` are the versions without it."""

    id: str
    severity: str
    package: str
    version: str
    fixed: tuple[str, ...]


class Verdict(NamedTuple):
    """What is to be updated, what is accepted for now, and what nobody has fixed yet."""

    to_update: list[Vulnerability]
    accepted: list[Vulnerability]
    unfixed: list[Vulnerability]


def scan(image: str, folder: Path = FOLDER) -> list[Vulnerability]:
    """What Grype finds in a local image; its report is kept beside the image's bill of materials.

    Raises:
        ProgramError: Grype is not there.
        ScanError: it failed, for example because its database could not be fetched.
    """
    command = [find_program("grype"), f"docker:{image}", "--output=json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ScanError(f"image {image}: grype: exit code {done.returncode}: {last}")
    name = image.rpartition(":")[0].rpartition("/")[2]
    write_whole(folder / f"{name}.grype.json", done.stdout.encode())
    return findings(done.stdout)


def findings(report: str) -> list[Vulnerability]:
    """The findings in a report of Grype's, each once, the most severe first."""
    found = {
        Vulnerability(
            match["vulnerability"]["id"],
            match["vulnerability"]["severity"],
            match["artifact"]["name"],
            match["artifact"]["version"],
            tuple(match["vulnerability"]["fix"]["versions"]) if _has_fix(match) else (),
        )
        for match in json.loads(report)["matches"]
    }
    return sorted(found, key=lambda each: (each.severity not in _SEVERE, each.severity, each.package, each.id))


def judge(found: Iterable[Vulnerability], exceptions: list[Exempt]) -> Verdict:
    """Sorts what is high or critical; an exception holds for one vulnerability in one package."""
    severe = [each for each in found if each.severity in _SEVERE]
    exempt = {(each.id, each.package) for each in exceptions}
    fixable = [each for each in severe if each.fixed]
    return Verdict(
        [each for each in fixable if (each.id, each.package) not in exempt],
        [each for each in fixable if (each.id, each.package) in exempt],
        [each for each in severe if not each.fixed],
    )


def _has_fix(match: dict[str, dict[str, dict[str, str]]]) -> bool:
    return match["vulnerability"]["fix"]["state"] == "fixed"
