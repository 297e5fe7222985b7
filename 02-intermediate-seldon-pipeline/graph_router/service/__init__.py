"""The use cases: choose a predictor, walk its graph, copy to shadows, say who failed."""
