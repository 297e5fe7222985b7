"""Interview questions, asked in the terminal; those that went badly come back sooner.

``interview/questions/*.md`` holds those that are answered in one's own words, in a form that reads well by itself and
is parsed strictly; ``choices.toml`` those with options, ``numbers.py`` those whose answer is a number.
"""

from __future__ import annotations

from course.drill.choices import Choice, read_choices
from course.drill.grade import AnswerGrade
from course.drill.memory import Memory, MemoryUnreadableError, Recall
from course.drill.questions import Question, QuestionError, parse_questions, read_questions

__all__ = [
    "AnswerGrade",
    "Choice",
    "Memory",
    "MemoryUnreadableError",
    "Question",
    "QuestionError",
    "Recall",
    "parse_questions",
    "read_choices",
    "read_questions",
]
