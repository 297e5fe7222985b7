"""``python -m course.exam`` writes ``interview/exams/README.md`` from the rubrics, one table for each level."""

from __future__ import annotations

from course.exam.published import PUBLISHED, publish

if __name__ == "__main__":
    PUBLISHED.write_text(publish(), encoding="utf-8")
