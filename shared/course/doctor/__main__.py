"""``python -m course.doctor``."""

from __future__ import annotations

import sys

from course.doctor.report import main

sys.exit(main())
