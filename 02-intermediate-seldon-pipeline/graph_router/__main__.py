"""``python -m graph_router [--port N …]``: each setting is a flag, or a ``RECOMMENDER_*`` variable."""

from __future__ import annotations

import sys

from graph_router.entrypoints.router import main

if __name__ == "__main__":
    sys.exit(main())
