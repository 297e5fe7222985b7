"""What the service is about, free of frameworks: flowers, predictions, and what is a valid measurement."""
