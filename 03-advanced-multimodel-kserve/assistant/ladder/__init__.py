"""One way after another to run the same answers, from one sequence at a time to all that a serving engine does."""
