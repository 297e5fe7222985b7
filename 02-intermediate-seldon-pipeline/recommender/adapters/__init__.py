"""The service's files, libraries and Valkey: artefacts, ONNX Runtime, tensors on the wire, the inventory."""
