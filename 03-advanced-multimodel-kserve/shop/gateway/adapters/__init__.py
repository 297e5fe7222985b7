"""What the gateway speaks to: models, features, the cache, Valkey; and what is told of it: metrics, audit, drift."""
