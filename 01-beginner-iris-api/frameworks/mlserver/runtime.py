"""MLServer: a runtime is a class with `load` and `predict`; the server speaks the Open Inference Protocol for it."""

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class IrisRuntime(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(await get_model_uri(self.settings), options).run
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = self.decode(payload.inputs[0], default_codec=NumpyCodec)
        labels, probabilities = self.run(None, {"features": np.asarray(rows, np.float32)})
        wanted = {output.name for output in payload.outputs or self.outputs}
        outputs = {"label": labels, "probabilities": probabilities}
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output(name, data) for name, data in outputs.items() if name in wanted],
        )
