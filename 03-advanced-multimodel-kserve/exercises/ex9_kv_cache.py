"""Exercise 9 · Room for conversations.

A language model keeps a *key* and a *value* for every token of a conversation: in each layer, for each head of keys
and values, a vector of `head_size` numbers each. It needs them for every further token. This is the KV cache, and it
decides how many conversations a server can hold at once.

- `bytes_per_token`: what one token takes in the cache. Models have fewer heads of keys and values than of queries.
- `most_conversations`: how many conversations of `longest` tokens fit into the memory at once, beside the weights. The
  cache is cut into blocks of `block_tokens` tokens, and a conversation holds whole blocks, which nobody else can use.
- `most_at_speed`: to compute one token for every conversation, the server reads all weights once, and all that the
  cache holds of these conversations, `context` tokens of each. So the memory's bandwidth says how long a step takes.
  How many conversations may there be, so that each gets a token every `token_s` seconds?

The answers are whole numbers, 0 where not even one conversation is possible.
"""

from __future__ import annotations


def bytes_per_token(layers: int, kv_heads: int, head_size: int, number_bytes: int) -> int:
    """Bytes of one token in the cache; `number_bytes` is the size of one number of a vector."""
    raise NotImplementedError


def most_conversations(memory: int, weights: int, token: int, block_tokens: int, longest: int) -> int:
    """How many fit; `memory`, `weights` and `token` are bytes, `token` those of one token in the cache."""
    raise NotImplementedError


def most_at_speed(bytes_per_s: float, weights: int, token: int, context: int, token_s: float) -> int:
    """How many get a token in time; `bytes_per_s` is the bandwidth, `weights` and `token` are bytes."""
    raise NotImplementedError
