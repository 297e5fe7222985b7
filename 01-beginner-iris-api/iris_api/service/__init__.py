"""The use case: predict."""
