"""Level 2 as an exam: what `course.exam` asks of a pipeline with three steps, criterion by criterion."""
