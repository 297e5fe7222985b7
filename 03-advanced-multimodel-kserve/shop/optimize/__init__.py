"""Smaller and faster versions of the models, and the gate that decides which of them may be served."""
