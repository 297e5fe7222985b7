"""``python openai_server.py MODEL PORT NAME``: llama.cpp's own server, which speaks OpenAI's API as vLLM does."""

from __future__ import annotations

import signal
import sys

import xllamacpp

_, model, port, name = sys.argv
parameters = xllamacpp.CommonParams()
parameters.model.path = model
parameters.model_alias = {name}
parameters.hostnames = ["127.0.0.1"]
parameters.port = int(port)
parameters.verbosity = 0
parameters.n_parallel = 2
parameters.n_ctx = 2048
parameters.kv_unified = True
parameters.n_batch = parameters.n_ubatch = 256
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
parameters.endpoint_metrics = True
server = xllamacpp.Server(parameters)
signal.pause()
