"""The commands over `servekit.drift`."""
