"""The use cases: train, prepare a request, recommend."""
