"""The shop's three models: how they learn, how good they are, and the graphs that serve them."""
