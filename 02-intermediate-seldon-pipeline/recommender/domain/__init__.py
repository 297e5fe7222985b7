"""What recommending is, without any library of serving: requests, histories, ranking, stock."""
