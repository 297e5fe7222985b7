"""The commands behind the make targets, one module for each, and the parts that they share."""
