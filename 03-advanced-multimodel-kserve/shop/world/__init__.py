"""A simulated shop: its catalogue, its people, what they do and how some of them cheat."""
