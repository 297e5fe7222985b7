"""Level 3 as an exam: what `course.exam` asks of a platform with three models, criterion by criterion."""
