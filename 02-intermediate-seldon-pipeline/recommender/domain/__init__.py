"""What recommending is, without any library of serving: interactions, features, models, ranking, evaluation."""
