"""Where the service meets libraries and files: the data set, model artefacts, ONNX Runtime, Arrow."""
