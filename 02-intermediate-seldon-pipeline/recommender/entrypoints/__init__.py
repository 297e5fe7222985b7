"""What is called from outside: Seldon's components, the graph router, and the commands behind the make targets."""
