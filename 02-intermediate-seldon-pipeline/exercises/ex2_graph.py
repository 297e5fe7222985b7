"""Exercise 2 · A graph in the right order.

Write GRAPH, the `graph:` of a predictor, so that a request is handled in this order:

    1. `clean` transforms the input
    2. `ease` and `als`, two models, are asked, both with what `clean` made of it
    3. `blend` combines their answers into one
    4. `titles` transforms the output

The types are those of the lesson, section 3: MODEL, TRANSFORMER, OUTPUT_TRANSFORMER, ROUTER, COMBINER. Names and types
are all that is needed; the checks walk the graph with the router's own code.
"""

from __future__ import annotations

GRAPH = """
name: ease
type: MODEL
"""
