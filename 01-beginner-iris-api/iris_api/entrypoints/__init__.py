"""What is called from outside: the HTTP and gRPC servers."""
