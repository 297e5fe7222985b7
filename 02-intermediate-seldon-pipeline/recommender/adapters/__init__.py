"""Where the service meets files, libraries and Valkey: artefacts, ONNX, wires, the inventory."""
