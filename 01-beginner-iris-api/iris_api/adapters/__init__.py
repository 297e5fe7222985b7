"""The service's libraries and files: model artefacts, ONNX Runtime, Arrow, drift and audit."""
