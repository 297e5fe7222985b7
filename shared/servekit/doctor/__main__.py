"""``python -m servekit.doctor``."""

from __future__ import annotations

import sys

from servekit.doctor.report import main

sys.exit(main())
