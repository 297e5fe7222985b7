"""``make design``: systems to design, a day of traffic that scores what you wrote, and the whiteboard's rubric.

The score comes from ``python -m planner.day``, a process of its own: what teaches imports no level.
"""

from course.design.prompts import Design, DesignError, read_design, read_designs

__all__ = ["Design", "DesignError", "read_design", "read_designs"]
