"""Level 3: a shop's search ranking, fraud scores and recommendations, on Triton. `make up-3` serves them."""

import os

# ONNX Runtime reports to its makers over the network unless told not to before its first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
