"""Exercise 9, solved: two vectors in each layer and head, whole blocks, and weights that are read once."""

from __future__ import annotations


def bytes_per_token(layers: int, kv_heads: int, head_size: int, number_bytes: int) -> int:
    """Bytes of one token in the cache; `number_bytes` is the size of one number of a vector."""
    return 2 * layers * kv_heads * head_size * number_bytes


def most_conversations(memory: int, weights: int, token: int, block_tokens: int, longest: int) -> int:
    """How many fit; `memory`, `weights` and `token` are bytes, `token` those of one token in the cache."""
    blocks = max(memory - weights, 0) // (token * block_tokens)
    return blocks // -(-longest // block_tokens)


def most_at_speed(bytes_per_s: float, weights: int, token: int, context: int, token_s: float) -> int:
    """How many get a token in time; `bytes_per_s` is the bandwidth, `weights` and `token` are bytes."""
    return max(int((bytes_per_s * token_s - weights) // (token * context)), 0)
