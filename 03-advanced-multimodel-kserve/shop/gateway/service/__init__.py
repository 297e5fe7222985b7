"""The use cases: search, payments, recommendations, feedback, over what they share."""
