"""The control room: one live page for everything that runs."""
