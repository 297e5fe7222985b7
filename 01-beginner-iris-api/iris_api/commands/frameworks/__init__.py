"""``make frameworks-1``: one model, one machine, one run, every serving framework that runs here.

`field` says who takes part (``frameworks/frameworks.toml``), `place` gives each its environment and its command,
`exchange` its requests and what their answers say, `contest` starts and measures, `report` and `picture` show it.
"""
