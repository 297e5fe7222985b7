"""Interview questions, asked in the terminal; those that went badly come back sooner.

``interview/questions/*.md`` holds them in a form that reads well by itself and is parsed strictly.
"""

from __future__ import annotations

from course.drill.memory import Memory, Recall
from course.drill.questions import Question, QuestionError, parse_questions, read_questions

__all__ = ["Memory", "Question", "QuestionError", "Recall", "parse_questions", "read_questions"]
