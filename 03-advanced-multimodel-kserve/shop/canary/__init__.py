"""Progressive delivery: a candidate version earns its traffic step by step, or loses it.

`evidence` and `proof` are the statistics, `judge` the decision (all pure), `ledger` what a walk has to prove, `walk`
the steps from 1 to 100 %; `reading` turns the gateways' metrics into the numbers that are compared; `edge`, `traffic`,
`meter` and `journal` touch the world; `characteristics` simulates how often a walk is right.
"""
