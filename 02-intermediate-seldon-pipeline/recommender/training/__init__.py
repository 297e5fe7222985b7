"""What makes the artefacts: MovieLens, two models and their quality, the ONNX graphs, answers that tests expect."""
