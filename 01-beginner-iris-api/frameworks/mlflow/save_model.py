"""MLflow: a model is saved in MLflow's form once, and `mlflow models serve` serves whatever has that form."""

import os
import sys

import mlflow.onnx
import numpy as np
import onnx
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

mlflow.onnx.save_model(
    onnx.load(os.environ["IRIS_ONNX"]),
    sys.argv[1],
    pip_requirements=["mlflow", "onnx", "onnxruntime"],
    onnx_session_options={"execution_mode": "sequential", "intra_op_num_threads": 1, "inter_op_num_threads": 1},
    signature=ModelSignature(Schema([TensorSpec(np.dtype(np.float32), (-1, 4))])),
)
