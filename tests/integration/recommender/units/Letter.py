"""A Seldon component that writes down what it was asked: its own name and the call, behind what it was given.

It answers every call, so one process can stand anywhere in a graph. Words in the text make it act: ``b:sleep=0.5``
makes the one named b slow, ``b:hold=1`` keeps it from answering until the test lets 1 go, ``a:fail=422`` makes a fail,
``route=1`` makes any router choose its second child.
"""

import os
import re
import time

from seldon_core.flask_utils import SeldonMicroserviceException
from seldon_core.metrics import create_counter
from seldon_core.user_model import SeldonResponse


class Letter:
    def __init__(self, name="x"):
        self._name = name

    def predict(self, X, names, meta=None):
        return self._answer(X, "predict")

    def transform_input(self, X, names, meta=None):
        return self._answer(X, "in")

    def transform_output(self, X, names, meta=None):
        return self._answer(X, "out")

    def route(self, features, feature_names, meta=None):
        found = re.search(r"route=(-?\d+)", features)
        return int(found.group(1)) if found else 0

    def aggregate(self, features_list, feature_names_list):
        return SeldonResponse(f"({' + '.join(features_list)}) {self._name}.combine", tags={self._name: "combine"})

    def send_feedback(self, features, feature_names, reward, truth, routing=""):
        with open(os.environ["FEEDBACK_FILE"], "a") as file:
            file.write(f"{self._name} {reward:g}\n")
        return []

    def health_status(self):
        return "well"

    def init_metadata(self):
        return {
            "name": self._name,
            "versions": ["1"],
            "platform": "seldon",
            "inputs": [{"messagetype": "jsonData", "schema": {"of": self._name}}],
            "outputs": [{"messagetype": "jsonData", "schema": {"of": self._name}}],
        }

    def _answer(self, text, call):
        if isinstance(text, (bytes, dict)):
            return text
        for name, what, value in re.findall(r"(\w+):(sleep|hold|fail)=([\d.]+)", text):
            if name == self._name and what == "sleep":
                time.sleep(float(value))
            elif name == self._name and what == "hold":
                while not os.path.exists(f"{os.environ['FEEDBACK_FILE']}.{value}"):
                    time.sleep(0.02)
            elif name == self._name:
                raise SeldonMicroserviceException("told to fail", status_code=int(value), reason="TOLD")
        metrics = [create_counter("letters", 1)]
        return SeldonResponse(f"{text} {self._name}.{call}", tags={self._name: call}, metrics=metrics)
