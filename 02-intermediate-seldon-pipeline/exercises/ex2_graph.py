"""Exercise 2 · A graph in the right order.

Write GRAPH, the `graph:` of a predictor, so that a request is handled in this order:

    1. `clean` transforms the input
    2. `ease` and `als`, two models, are both called with the output of `clean`
    3. `blend` combines their answers into one
    4. `titles` transforms the output

The types are those of the lesson, section 3: MODEL, TRANSFORMER, OUTPUT_TRANSFORMER, ROUTER, COMBINER. A unit needs
only a name and a type. The checks run the graph with the router's own code.
"""

from __future__ import annotations

GRAPH = """
name: ease
type: MODEL
"""
