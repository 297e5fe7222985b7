"""What makes the artefact: the data set, the fit and its report, the ONNX graph, answers that clients are held to."""
