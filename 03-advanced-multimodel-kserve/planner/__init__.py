"""How large a fleet must be: calibration of what was measured, closed-form queueing, a simulation that checks it."""
