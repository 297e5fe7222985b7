"""What the router speaks to: steps over HTTP, Seldon's messages, the deployment's YAML, the executor's metrics."""
