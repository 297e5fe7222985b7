"""What clients call: the executor's HTTP API, and the process that serves it."""
