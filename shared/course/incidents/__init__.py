"""Incident drills: a real fault in a running level, the alert that fires, and the way back.

``interview/incidents/ID.md`` tells the story, ``interview/incidents/ID.py`` (with underscores for dashes) has
``fault()``, which makes the `Fault`. It is held by a process of its own, which restores the level when it is told to,
or when whoever started it is gone. ``interview/incidents/catalogue.toml`` has the diagnoses to choose from.
"""

from __future__ import annotations

from course.incidents.caller import Caller, Summary
from course.incidents.caller import Promise as Objective
from course.incidents.catalogue import Diagnoses, DiagnosisChoice, read_catalogue
from course.incidents.fault import Fault
from course.incidents.held import IncidentError, PlantedFault
from course.incidents.story import Story, StoryError, read_stories

__all__ = [
    "Caller",
    "Diagnoses",
    "DiagnosisChoice",
    "Fault",
    "IncidentError",
    "Objective",
    "PlantedFault",
    "Story",
    "StoryError",
    "Summary",
    "read_catalogue",
    "read_stories",
]
