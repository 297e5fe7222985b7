"""Level 1: one scikit-learn model, served well. `python -m iris_api` serves it."""
