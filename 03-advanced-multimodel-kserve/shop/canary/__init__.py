"""Progressive delivery: a candidate version earns its traffic step by step, or loses it.

Pure: `evidence` and `proof` are the statistics, `judge` the decision, `ledger` what a rollout has to prove, `rollout`
the steps from 1 to 100 %, and `reading` turns the gateways' metrics into the figures that are compared. `edge`,
`edge_split`, `meter` and `decision_log` touch the world, `progress_table` shows it; `characteristics` simulates how
often a rollout is right.
"""
