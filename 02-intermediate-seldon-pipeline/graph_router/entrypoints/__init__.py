"""What is called from outside: the executor's HTTP API, and the process that serves it."""
