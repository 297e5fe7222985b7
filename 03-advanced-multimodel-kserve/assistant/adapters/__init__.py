"""What the assistant talks to: the engine, the feature store, its metrics and traces."""
