"""The router's ways to steps, over HTTP and gRPC; Seldon's messages, the deployment's YAML, the executor's metrics."""
