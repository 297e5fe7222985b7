"""Exercise 3 · Percentiles that tell the truth.

Write four small functions that make an honest p99 from raw samples. Latencies are in milliseconds, in no particular
order.

1. `percentile(samples, p)`: nearest rank, no interpolation: the smallest sample that at least p % of the samples do not
   exceed. The p99 of 1, 2, …, 100 is 99. Do not change the caller's list.
2. `fleet_p99(workers)`: the p99 of a service of several workers, from the raw samples of each.
3. `open_loop(intended_s, finished_s)`: how long users waited, in ms. A request's time counts from the moment when it
   *should* have been sent (in seconds), even if the load generator sent it later.
4. `corrected(samples, interval)`: a closed-loop tester should send every `interval` ms, but it waits for each answer.
   So while one answer takes long, the next requests are never sent. For each sample above the interval, add the times
   that those requests would have waited: sample - interval, sample - 2 × interval, … as long as that is at least one
   interval (HdrHistogram's rule).
"""

from __future__ import annotations


def percentile(samples: list[float], p: float) -> float:
    """The nearest-rank percentile, 0 < p <= 100, of at least one sample."""
    raise NotImplementedError


def fleet_p99(workers: list[list[float]]) -> float:
    """The p99 of all workers' requests together."""
    raise NotImplementedError


def open_loop(intended_s: list[float], finished_s: list[float]) -> list[float]:
    """The latency of each request in ms, from its intended start."""
    raise NotImplementedError


def corrected(samples: list[float], interval: float) -> list[float]:
    """The samples and those that coordinated omission left out, in any order."""
    raise NotImplementedError
