"""The use cases: predict, and train."""
