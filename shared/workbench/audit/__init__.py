"""The commands over `servekit.audit`."""
