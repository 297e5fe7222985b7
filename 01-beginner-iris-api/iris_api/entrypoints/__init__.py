"""What is called from outside: the HTTP and gRPC servers, and the commands behind the make targets."""
