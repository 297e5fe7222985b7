"""How many replicas a language model needs: its KV cache, the cost of a step, a simulated scheduler."""
