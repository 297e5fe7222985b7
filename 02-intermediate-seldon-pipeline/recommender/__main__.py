"""``python -m recommender [--port N …]``: the graph router. Each setting is a flag, or a ``RECOMMENDER_*`` variable."""

from __future__ import annotations

import sys

from recommender.entrypoints.router import main

if __name__ == "__main__":
    sys.exit(main())
