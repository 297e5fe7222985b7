"""The use cases: choose a predictor, walk its graph, and copy requests to shadows."""
