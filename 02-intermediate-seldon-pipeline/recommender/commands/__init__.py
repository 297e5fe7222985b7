"""The commands behind the make targets: one module for each."""
