"""The making of the artefacts: MovieLens, two models and their quality, their ONNX graphs, and the oracle's answers."""
