"""The use case that needs more than the domain: preparing a request for the model."""
