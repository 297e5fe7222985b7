"""Level 1: one scikit-learn model, served well. `python -m iris_api` serves it."""

import os

# ONNX Runtime reports to its makers over the network unless told not to before its first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
