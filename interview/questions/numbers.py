"""Questions whose answer is a number; the figures are new each time.

A question states every figure that its answer needs: tests/course/test_numbers.py reads them from the text and computes
the answer a second way.
"""

from __future__ import annotations

from interview.questions.numbers_fleet import (
    audit_size,
    backlog,
    batch_throughput,
    budget_hours,
    budget_used,
    burn_rate,
    canary_minutes,
    canary_sample,
    colder_cache,
    cost_of_a_million,
    error_budget,
    own_zones,
    roll_out,
    zone_lost,
)
from interview.questions.numbers_language_models import (
    decode_bound,
    kv_per_token,
    prefix_saving,
    request_cost,
    sequences,
    speculation,
    stream_time,
    token_cost,
)
from interview.questions.numbers_load import (
    fan_out,
    fan_out_budget,
    in_flight,
    on_the_wire,
    own_servers,
    own_slow,
    pipeline_fails,
    retries,
    servers,
    step_faster,
    time_in_system,
    utilisation,
)

__all__ = [
    "audit_size",
    "backlog",
    "batch_throughput",
    "budget_hours",
    "budget_used",
    "burn_rate",
    "canary_minutes",
    "canary_sample",
    "colder_cache",
    "cost_of_a_million",
    "decode_bound",
    "error_budget",
    "fan_out",
    "fan_out_budget",
    "in_flight",
    "kv_per_token",
    "on_the_wire",
    "own_servers",
    "own_slow",
    "own_zones",
    "pipeline_fails",
    "prefix_saving",
    "request_cost",
    "retries",
    "roll_out",
    "sequences",
    "servers",
    "speculation",
    "step_faster",
    "stream_time",
    "time_in_system",
    "token_cost",
    "utilisation",
    "zone_lost",
]
