"""Measuring the running stack: who uses how much CPU, how long requests take, what the host itself does to them."""
