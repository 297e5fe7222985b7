"""A level as an exam of the learner's own deployment: 100 points with a published rubric, and a certificate.

``make exam-N`` goes through the level's criteria. A criterion is judged as a whole: it earns all its points or none,
and what was seen is said either way. Criteria that stop processes or change data are asked for first; criteria that
read the level's own files need a level of this folder. Of a level in a cluster some of both can be judged through
kubectl (``course.exam.in_cluster``). What is refused, or cannot be judged, leaves the total.

Here is what all levels share. What is asked of a level is in its own package (``iris_api.commands.exam``), and what a
criterion is worth in ``interview/exams/level-N.toml``.
"""

from __future__ import annotations

from course.exam.examined import (
    Check,
    ClusterPlace,
    ClusterService,
    Examined,
    LevelExam,
    NotJudgedError,
    ShortfallError,
    demand,
)
from course.exam.rubric import Criterion, Rubric, RubricError, load_rubric

__all__ = [
    "Check",
    "ClusterPlace",
    "ClusterService",
    "Criterion",
    "Examined",
    "LevelExam",
    "NotJudgedError",
    "Rubric",
    "RubricError",
    "ShortfallError",
    "demand",
    "load_rubric",
]  # fmt: skip
