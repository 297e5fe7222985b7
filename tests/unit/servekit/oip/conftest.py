from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine is no finding: examples are judged by their outcome, not by their time.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
