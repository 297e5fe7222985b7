"""A stand-in for Seldon's executor: it walks the graph of any SeldonDeployment, by the executor's contract.

It knows nothing of recommendations. `domain` is the graph, `service` walks it, `adapters` speak to steps and to
Kubernetes' YAML, `entrypoints` is the HTTP API. On a cluster Seldon's own executor takes its place.
"""
