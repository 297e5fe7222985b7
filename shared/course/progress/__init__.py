"""Where a learner stands, on every level and in all that is practised."""
