"""Level 1 as an exam: what `course.exam` asks of an API with one model, criterion by criterion."""
