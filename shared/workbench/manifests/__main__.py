"""``python -m workbench.manifests validate DIR…`` and ``python -m workbench.manifests crds``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from workbench.manifests.crds import CACHE
from workbench.manifests.documents import Document, ManifestError, load
from workbench.manifests.download import download
from workbench.manifests.helm import build_chart
from workbench.manifests.kserve import standard_workloads
from workbench.manifests.kustomize import build
from workbench.manifests.policy import check_policy
from workbench.manifests.validation import supported_versions, validate
from workbench.terminal import say
from workbench.versions import ROOT, crd_releases


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 when a manifest or a release is not."""
    parser = argparse.ArgumentParser(prog="python -m workbench.manifests", description="Manifests, checked offline.")
    commands = parser.add_subparsers(required=True)
    check = commands.add_parser("validate", help="check overlays (folders with a kustomization), charts or YAML files")
    check.add_argument("paths", nargs="+", type=Path, metavar="DIR")
    check.add_argument("--values", nargs="+", type=Path, default=[], metavar="FILE", help="for a chart")
    check.add_argument("--kubernetes", default="1.36", choices=supported_versions(), metavar="1.36")
    check.add_argument("--schema-only", action="store_true", help="leave out the house rules")
    check.set_defaults(run=_validate)
    fetch = commands.add_parser("crds", help="fetch the CRD schemas of the releases in versions.toml")
    fetch.add_argument("--versions", type=Path, default=ROOT / "versions.toml", metavar="FILE")
    fetch.add_argument("--folder", type=Path, default=CACHE, metavar="DIR")
    fetch.set_defaults(run=_crds)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except ManifestError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _validate(options: argparse.Namespace) -> int:
    failed = 0
    for path in options.paths:
        documents = _documents(path, options.values)
        problems = validate(documents, options.kubernetes)
        if not problems and not options.schema_only:  # the house rules presume valid documents
            problems = check_policy([*documents, *standard_workloads(documents)])
        failed += len(problems)
        for problem in problems:
            sys.stderr.write(f"{problem}\n")
        if not problems:
            say(f"{path}: {len(documents)} documents, Kubernetes {options.kubernetes}: valid")
    return 1 if failed else 0


def _documents(path: Path, values: list[Path]) -> list[Document]:
    if (path / "Chart.yaml").is_file():
        return build_chart(path, values, release=path.name, namespace=path.name)
    return build(path) if (path / "kustomization.yaml").is_file() else load(path)


def _crds(options: argparse.Namespace) -> int:
    errors = download(crd_releases(options.versions), options.folder)
    for error in errors:
        sys.stderr.write(f"{error}\n")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
