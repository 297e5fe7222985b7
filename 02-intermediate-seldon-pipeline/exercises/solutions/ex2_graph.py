"""A solution of exercise 2."""

from __future__ import annotations

GRAPH = """
name: titles
type: OUTPUT_TRANSFORMER
children:
  - name: clean
    type: TRANSFORMER
    children:
      - name: blend
        type: COMBINER
        children:
          - name: ease
            type: MODEL
          - name: als
            type: MODEL
"""
