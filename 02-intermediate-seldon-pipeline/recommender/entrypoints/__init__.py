"""What Seldon calls: the three components."""
