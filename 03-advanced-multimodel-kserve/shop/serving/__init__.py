"""What serves the models: Triton's repository and command, the edge, the two Valkeys, the feature loader."""
