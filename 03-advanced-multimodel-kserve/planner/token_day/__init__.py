"""A day of a language model's traffic against replicas that somebody designed, counted in tokens.

The day goes in steps of 15 seconds, as `planner.day` does. What a replica answers at a rate is looked up in a table,
and each row of it is a simulation, request by request and step by step, of the designed engine behind the designed
door (`planner.tokens.simulation`), with the measured cost of a step. From step to step change: how many shoppers ask,
how many replicas are ready, who asks again after a refusal, which version of the model answers.

Assumed: a balancer spreads requests by chance, and sends a conversation where its last turn was answered; a queue
fills and empties within a step; each replica has one core like the calibration's. Not modelled: the gateway's own work,
GPUs, and the misses of the prefix cache just after replicas come or go.
"""
