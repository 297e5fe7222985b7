"""The make targets of the assistant, each a module that is run."""
