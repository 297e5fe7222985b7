"""Search ranking: which of the items that match a query a person would choose."""
