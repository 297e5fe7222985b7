"""A second version of the assistant: how it is run beside the first, and what it is judged by."""
