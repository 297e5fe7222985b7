"""A day of traffic against a fleet that somebody designed: with a spike, a loss, a cold cache and a bad release.

Most of the day is computed in steps of 15 seconds. In each step every region has a rate, a share that its cache
answers, a number of ready replicas; `Pace` turns them into how busy a core is and which share of the answers is late,
from the calibration's work and times by the formula for M/G/c (`planner.distribution.Grid.wait`). Autoscaler, cache,
canary and machines change from step to step. The seconds after a zone fell silent are simulated request by request
(`planner.simulation`), because in them requests hang and are tried again, which no average shows.

Not modelled: the feature store (given, and fast enough), the network's own failures, retries by clients, GPUs.
"""
