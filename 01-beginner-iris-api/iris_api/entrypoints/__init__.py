"""What clients call: the HTTP and gRPC servers."""
