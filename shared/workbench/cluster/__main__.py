"""``python -m workbench.cluster up|down|deploy|undeploy|images|charts LEVEL``: what make calls."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from workbench.cluster.air_gap import save_images
from workbench.cluster.charts import chart_commands
from workbench.cluster.deploy import deploy, find_overlay, undeploy
from workbench.cluster.shell import ClusterError
from workbench.cluster.start import down, up
from workbench.manifests import ManifestError
from workbench.terminal import say
from workbench.versions import cluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.versions import Cluster

__all__ = ["main"]

_ON_OVERLAY = {"deploy": deploy, "undeploy": undeploy}
_ON_LEVEL: dict[str, Callable[[Cluster], None]] = {"up": up, "down": down, "images": save_images}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m workbench.cluster", description="A level on a cluster.")
    parser.add_argument("command", choices=[*_ON_LEVEL, *_ON_OVERLAY, "charts"])
    parser.add_argument("level", type=int)
    options = parser.parse_args(arguments)
    try:
        level = cluster(options.level)
        if options.command in _ON_OVERLAY:
            _ON_OVERLAY[options.command](level, find_overlay(options.level))
        elif options.command in _ON_LEVEL:
            _ON_LEVEL[options.command](level)
        else:
            say("\n".join(chart_commands(level, level.profile)))
    except (ClusterError, ManifestError, LookupError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
