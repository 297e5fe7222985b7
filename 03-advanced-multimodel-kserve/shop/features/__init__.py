"""What a model sees of a request and of the feature store, computed by one code in training and in serving."""
