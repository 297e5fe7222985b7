"""Where the service meets files, libraries and Valkey: MovieLens, artefacts, ONNX, wires, the inventory."""
