"""The use case that needs more than the domain: to prepare a request for the model."""
