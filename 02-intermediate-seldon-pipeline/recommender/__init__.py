"""Level 2: a recommender as a pipeline of three Seldon components: preprocessor, model and postprocessor."""

import os

# ONNX Runtime reports to its makers over the network unless told not to before its first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
