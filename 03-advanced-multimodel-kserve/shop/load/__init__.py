"""Traffic: who searches, pays and clicks, how fast, and what the right answer is."""
