"""TensorFlow Serving serves SavedModels only, so the same file's numbers become one; there is no server code."""

import os
import sys

import numpy as np
import onnx
import tensorflow as tf

scaler, linear, _ = (
    {each.name: np.array(onnx.helper.get_attribute_value(each)) for each in node.attribute}
    for node in onnx.load(os.environ["IRIS_ONNX"]).graph.node
)


class Iris(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.offset, self.scale = (tf.constant(scaler[name], tf.float32) for name in ("offset", "scale"))
        self.weights = tf.constant(linear["coefficients"].reshape(3, 4).T, tf.float32)
        self.intercepts = tf.constant(linear["intercepts"], tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "features")])
    def predict(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = tf.matmul((features - self.offset) * self.scale, self.weights) + self.intercepts
        return {"label": tf.argmax(scores, axis=1), "probabilities": tf.nn.softmax(scores)}


model = Iris()
tf.saved_model.save(model, f"{sys.argv[1]}/1", signatures={"serving_default": model.predict})
