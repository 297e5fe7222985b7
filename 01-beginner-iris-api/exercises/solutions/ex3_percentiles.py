"""Exercise 3, solved."""

from __future__ import annotations

from math import ceil


def percentile(samples: list[float], p: float) -> float:
    """The nearest-rank percentile, 0 < p <= 100, of at least one sample."""
    return sorted(samples)[ceil(p / 100 * len(samples)) - 1]


def fleet_p99(workers: list[list[float]]) -> float:
    """The p99 of all workers' requests together."""
    return percentile([sample for worker in workers for sample in worker], 99)


def open_loop(intended_s: list[float], finished_s: list[float]) -> list[float]:
    """The latency of each request in ms, from its intended start."""
    return [(end - start) * 1e3 for start, end in zip(intended_s, finished_s, strict=True)]


def corrected(samples: list[float], interval: float) -> list[float]:
    """The samples and those that coordinated omission left out, in any order."""
    complete = []
    for sample in samples:
        complete.append(sample)
        missing = sample - interval
        while missing >= interval:
            complete.append(missing)
            missing -= interval
    return complete
