"""The shop's three models: what they see, how they learn, how good they are, and the graphs that serve them."""
