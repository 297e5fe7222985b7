"""What is called from outside: the HTTP application, the Open Inference Protocol, the process that serves them."""
