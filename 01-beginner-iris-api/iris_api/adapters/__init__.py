"""Where the service meets libraries and files: model artefacts, ONNX Runtime, Arrow."""
