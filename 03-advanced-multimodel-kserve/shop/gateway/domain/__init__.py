"""Rules that hold whatever the gateway speaks to: requests, admission, circuit breaking, fallbacks."""
