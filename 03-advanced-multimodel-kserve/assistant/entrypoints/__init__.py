"""What is called from outside: OpenAI's API over HTTP, with answers whole or streamed."""
