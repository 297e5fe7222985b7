"""The inference graph: its units, their children, the calls that each unit takes, and how a step fails."""
