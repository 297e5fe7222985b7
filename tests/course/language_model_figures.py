"""What the questions on language models compute, computed again: by id, pieces of the text with the figures put in."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

__all__ = ["CLAIMS"]

_TOKEN = 2 * 32 * 8 * 128 * 2
_WEIGHTS = 16e9
_CONVERSATION = 8000 * _TOKEN
_MONTH_H = 730


def _accepted(chance: float, drafts: int) -> float:
    """Tokens of a pass: it always yields one, and each further one needs all proposals before it accepted."""
    return sum(chance**accepted for accepted in range(drafts + 1))


def _touched(batch: int, chosen: int, experts: int) -> float:
    """The share of the experts that a batch reads, by drawing."""
    random = np.random.default_rng(7)
    used = np.zeros((2000, experts), dtype=bool)
    for _ in range(batch):
        picks = random.random((2000, experts)).argsort(axis=1)[:, :chosen]
        np.put_along_axis(used, picks, values=True, axis=1)
    return float(used.mean())


_EACH_MS = _WEIGHTS / 3.35e12 * 1e3
_TWO_GPUS = 2 * 4 * _MONTH_H
_BREAK_EVEN = _TWO_GPUS / 0.60 * 1e6
_PER_MILLION = 4 / (2500 * 3600) * 1e6

CLAIMS = {
    "decode-bandwidth": [
        f"A model of 8 billion weights in 16 bits has {8e9 * 2 / 1e9:g} GB",
        f"reads them in {_EACH_MS:.1f} ms, so a single user gets {1000 / _EACH_MS:.0f} tokens/s at most",
    ],
    "kv-cache-size": [
        f"2 × 32 × 8 × 128 × 2 = {_TOKEN:,} bytes, {_TOKEN / 1024:g} KiB a token",
        f"A conversation of 8,000 tokens takes {_CONVERSATION / 1e9:.2f} GB",
        f"has {80 * 0.9:g} GB. The weights take 16 of them, so {80 * 0.9 - 16:g} GB are left",
        f"{math.floor((0.9 * 80e9 - _WEIGHTS) / _CONVERSATION)} such conversations run at once",
    ],
    "grouped-query": ["A model with 32 query heads and 8 key-value heads needs a quarter of the cache"],
    "prefix-cache": [
        f"With 6,000 common tokens and 200 of its own, {100 * 6000 / 6200:.0f} % of the prefill is saved",
    ],
    "speculative-decoding": [f"a pass yields (1 - 0.8^5) / (1 - 0.8), {_accepted(0.8, 4):.1f} tokens on average"],
    "weight-quantisation": [
        f"a model of 70 billion weights has {70 * 2} GB in 16 bits and about {70 * 4 / 8:g} GB in 4 bits",
    ],
    "mixture-of-experts": [
        f"in a batch of 64 tokens, each choosing 8 of 256 experts at random, {100 * _touched(64, 8, 256):.0f} % of the",
    ],
    "disaggregation": [
        f"is {_CONVERSATION / 1e9:.2f} GB, {_CONVERSATION / (100e9 / 8) * 1e3:.0f} ms over a network of 100 Gbit/s",
        f"and {_CONVERSATION / (10e9 / 8):.1f} s over one of 10 Gbit/s",
    ],
    "llm-cold-start": [f"because 140 GB at 1 GB/s take {140 / 1:g} s"],
    "cost-per-token": [
        f"makes {2500 * 3600 / 1e6:g} million tokens an hour: ${_PER_MILLION:.2f} per million",
        f"at 30 % utilisation, it is ${_PER_MILLION / 0.3:.2f}",
    ],
    "when-not-to-host": [
        f"Two GPUs at $4 an hour cost ${_TWO_GPUS:,} a month",
        f"buys {_BREAK_EVEN / 1e9:.1f} billion tokens, {_BREAK_EVEN / (_MONTH_H * 3600):,.0f} tokens/s around",
    ],
    "model-cascade": [f"a cascade costs 0.1 + 0.3 = {0.1 + (1 - 0.7):.1f} of the large model alone"],
    "llm-evaluation": [
        f"200 tasks and 80 % passed, the rate is known to ± {norm.isf(0.025) * math.sqrt(0.8 * 0.2 / 200) * 100:.1f} p",
    ],
}
