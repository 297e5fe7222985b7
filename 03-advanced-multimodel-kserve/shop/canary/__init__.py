"""Progressive delivery: a candidate version earns its traffic step by step, or loses it.

`evidence` is the statistics, `judge` the decision (both pure), `walk` the steps from 1 to 100 %; `reading` turns the
gateways' metrics into the numbers that are compared; `edge`, `state`, `meter`, `journal` and `replay` touch the world.
"""
