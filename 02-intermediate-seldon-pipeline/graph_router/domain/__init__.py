"""The graph: units, their children, and what may be asked of them."""
