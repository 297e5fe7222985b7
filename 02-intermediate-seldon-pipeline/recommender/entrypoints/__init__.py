"""What is called from outside: Seldon's components."""
