"""Numeric questions of level 3 and of operations: fleets, caches, batches, canaries, budgets and what they cost."""

from __future__ import annotations

import math

from course.drill.numeric import Draw, Numeric, numeric

_SIZING = "proof: [sizing.py](../../03-advanced-multimodel-kserve/planner/sizing.py), `make plan-3`"
_PRICES = "proof: [prices.toml](../../03-advanced-multimodel-kserve/planner/prices.toml), `make plan-3`"
_CACHE = "proof: [cache.py](../../03-advanced-multimodel-kserve/shop/gateway/adapters/cache.py)"
_BATCHING = "proof: [adr-dynamic-batching.md](../../03-advanced-multimodel-kserve/shop/serving/adr-dynamic-batching.md)"
_ADMISSION = (
    "proof: [admission.py](../../03-advanced-multimodel-kserve/shop/gateway/domain/admission.py), `make overload-3`"
)
_EVIDENCE = "proof: [evidence.py](../../03-advanced-multimodel-kserve/shop/canary/evidence.py)"
_OBJECTIVES = "proof: [objectives.py](../../shared/workbench/observe/objectives.py)"
_SLO = "proof: [slo.yaml](../../infra/prometheus/rules/slo.yaml)"
_AUDIT = "proof: [line.py](../../shared/servekit/audit/line.py)"
_ROLLOUT = "proof: [iris-api.yaml](../../01-beginner-iris-api/deploy/base/iris-api.yaml)"

_FALSE_ALARM_Z, _POWER_Z = 1.645, 0.842


@numeric(id="number-zone-lost", subject="level-3", topic="Scale", difficulty="medium", source=_SIZING)
def zone_lost(draw: Draw) -> Numeric:
    """How many servers a fleet needs that may lose a zone."""
    zones, rate, capacity = draw.of(2, 3, 4), draw.integer(900, 9000, 100), draw.integer(90, 390, 10)
    each = -(-rate // (capacity * (zones - 1)))
    return Numeric(
        question=f"{rate:,} requests/s, {capacity} for each server, {zones} zones with equally many servers. One zone "
        "may fail, and the others must carry everything. How many servers are that in all zones together?",
        answer=each * zones,
        unit="servers",
        tolerance=0,
        working=f"⌈{rate} / {capacity} / {zones - 1}⌉ = {each} in each zone, × {zones} = {each * zones}",
        must=("the remaining zones carry the whole", "round up in each zone, not once for all"),
    )


@numeric(id="number-own-zones", subject="level-3", topic="Scale", difficulty="medium", source=_SIZING)
def own_zones(draw: Draw) -> Numeric:
    """How many systems like the learner's own survive a lost zone at a larger rate."""
    own = draw.results.sla(3)
    rate = own.rate_rps if own else draw.integer(60, 240, 20)
    wanted, zones = draw.integer(10, 80) * 50, draw.of(2, 3, 4)
    each = int(-(-wanted // (rate * (zones - 1))))
    said = "Your last `make sla-3` tested" if own else "A run of `make sla-3` tested"
    return Numeric(
        question=f"{said} the shop at {rate:g} requests/s. {wanted:,} requests/s are expected in {zones} zones with "
        "equally many such shops, and one zone may fail. None shall get more than was tested. How many are that in "
        "all zones together?",
        answer=each * zones,
        unit="shops",
        tolerance=0,
        working=f"⌈{wanted} / {rate:g} / {zones - 1}⌉ = {each} in each zone, × {zones} = {each * zones}",
        must=("the remaining zones carry the whole", "beyond the tested rate nothing is proven"),
    )


@numeric(id="number-cold-cache", subject="level-3", topic="Caches", difficulty="easy", source=_CACHE)
def colder_cache(draw: Draw) -> Numeric:
    """How a lower hit ratio multiplies what the backend gets."""
    before, drop = draw.of(80, 90, 95, 98, 99), draw.of(5, 10, 20, 40)
    after = before - drop
    factor = (100 - after) / (100 - before)
    return Numeric(
        question=f"A cache answers {before} % of the requests. After a release it answers {after} %. How many times "
        "as many requests does the model behind it get?",
        answer=factor,
        unit="times",
        tolerance=0.02,
        working=f"(1 - {after / 100:g}) / (1 - {before / 100:g}) = {factor:.4g}",
        must=("what counts is the share of misses", "the backend must survive an empty cache, or be protected from it"),
    )


@numeric(id="number-batch", subject="level-3", topic="The model server", difficulty="medium", source=_BATCHING)
def batch_throughput(draw: Draw) -> Numeric:
    """What batching brings where a pass has a fixed cost."""
    fixed, each, size = draw.integer(2, 12), draw.of(0.1, 0.2, 0.25, 0.5), draw.of(4, 8, 16, 32)
    rate = size / (fixed + each * size) * 1000
    return Numeric(
        question=f"A pass of the model takes {fixed} ms plus {each:g} ms for each request in the batch. How many "
        f"requests/s does it do with full batches of {size}?",
        answer=rate,
        unit="requests/s",
        tolerance=0.02,
        working=f"{size} / ({fixed} + {each:g} × {size}) ms × 1000 = {rate:.4g}/s",
        must=("the fixed cost is shared by the batch", "the gain ends when the cost per request dominates"),
    )


@numeric(id="number-backlog", subject="level-3", topic="Deadlines and overload", difficulty="hard", source=_ADMISSION)
def backlog(draw: Draw) -> Numeric:
    """How long an unbounded queue suffers from a burst that is over."""
    capacity, burst_s = draw.integer(400, 900, 50), draw.integer(20, 90, 10)
    burst, after = capacity + draw.integer(100, 600, 50), capacity - draw.integer(50, 200, 25)
    drain = (burst - capacity) * burst_s / (capacity - after)
    return Numeric(
        question=f"A server does {capacity} requests/s and queues what is more, without limit. For {burst_s} s it "
        f"gets {burst:,} requests/s, then {after}. For how many seconds after the burst does the queue last?",
        answer=drain,
        unit="s",
        tolerance=0.02,
        working=f"backlog ({burst} - {capacity}) × {burst_s} = {(burst - capacity) * burst_s}; / ({capacity} - "
        f"{after}) = {drain:.4g} s",
        must=("the backlog drains with the spare capacity only", "refusing the surplus keeps the rest in time"),
    )


@numeric(id="number-canary-sample", subject="level-3", topic="Releases", difficulty="hard", source=_EVIDENCE)
def canary_sample(draw: Draw) -> Numeric:
    """How many answers tell a worse version from a good one."""
    usual, worse = draw.of((1, 2), (1, 3), (2, 3), (2, 4), (5, 7), (0.5, 1))
    p, q = usual / 100, worse / 100
    needed = math.ceil((_FALSE_ALARM_Z + _POWER_Z) ** 2 * (p * (1 - p) + q * (1 - q)) / (q - p) ** 2)
    return Numeric(
        question=f"Stable fails for {usual:g} % of the requests. A candidate that fails for {worse:g} % shall be "
        "found with 80 % certainty, with a false alarm in 5 % of the good ones (one-sided, one look at the end, z = "
        "1.645 and 0.842). About how many answers of each version are needed?",
        answer=needed,
        unit="answers",
        tolerance=0.1,
        working=f"(1.645 + 0.842)² × ({p:g} × {1 - p:g} + {q:g} × {1 - q:g}) / ({q:g} - {p:g})² = {needed:,}",
        must=("the square of the difference is in the denominator", "looking more often needs another rule"),
    )


@numeric(id="number-canary-minutes", subject="level-3", topic="Releases", difficulty="easy", source=_EVIDENCE)
def canary_minutes(draw: Draw) -> Numeric:
    """How long a canary takes to get its sample."""
    rate, share, needed = draw.integer(20, 200, 10), draw.of(1, 2, 5, 10, 20), draw.integer(1000, 8000, 500)
    minutes = needed / (rate * share / 100) / 60
    return Numeric(
        question=f"A service gets {rate} requests/s, and the canary gets {share} % of them. After how many minutes "
        f"has it {needed:,} answers?",
        answer=minutes,
        unit="minutes",
        tolerance=0.02,
        working=f"{needed} / ({rate}/s × {share / 100:g}) / 60 = {minutes:.4g} min",
        must=("rate times share", "a share too small makes a canary that takes days"),
    )


@numeric(id="number-cost-million", subject="level-3", topic="Scale", difficulty="medium", source=_PRICES)
def cost_of_a_million(draw: Draw) -> Numeric:
    """What a million requests cost on machines that are not always busy."""
    cents, capacity, busy = draw.integer(20, 120, 5), draw.integer(200, 2000, 50), draw.of(20, 30, 40, 50, 60)
    cost = cents / 100 / (capacity * busy / 100 * 3600) * 1e6
    return Numeric(
        question=f"A machine costs {cents} cents an hour and can do {capacity:,} requests/s. Over the day it is used "
        f"to {busy} % of that. What do a million requests cost, in dollars?",
        answer=cost,
        unit="dollars",
        tolerance=0.02,
        working=f"{cents / 100:g} / ({capacity} × {busy / 100:g} × 3600) × 1,000,000 = {cost:.4g} dollars",
        must=("price of an hour over the requests of an hour", "idle hours are paid as well"),
    )


@numeric(id="number-error-budget", subject="operations", topic="On call", difficulty="easy", source=_OBJECTIVES)
def error_budget(draw: Draw) -> Numeric:
    """How many minutes of outage a promise allows."""
    promise, days = draw.of(99, 99.5, 99.9, 99.95, 99.99), draw.of(7, 28, 30, 90)
    minutes = days * 24 * 60 * (100 - promise) / 100
    return Numeric(
        question=f"{promise:g} % of the requests shall succeed over {days} days. The traffic is even. How many "
        "minutes of complete outage use up the budget?",
        answer=minutes,
        unit="minutes",
        tolerance=0.02,
        working=f"{days} × 24 × 60 × {(100 - promise) / 100:.4g} = {minutes:.4g} minutes",
        must=("the budget is one minus the promise", "half an outage uses it half as fast"),
    )


@numeric(id="number-burn-rate", subject="operations", topic="On call", difficulty="medium", source=_SLO)
def burn_rate(draw: Draw) -> Numeric:
    """How many times as fast as allowed the budget is being spent."""
    promise, failing = draw.of(99, 99.5, 99.9), draw.of(0.5, 1, 1.5, 2, 3, 5)
    rate = failing / (100 - promise)
    return Numeric(
        question=f"{promise:g} % of the requests shall succeed. Now {failing:g} % fail. How high is the burn rate?",
        answer=rate,
        unit="times",
        tolerance=0.02,
        working=f"{failing / 100:g} / (1 - {promise / 100:g}) = {rate:.4g}",
        must=("share of failures over the allowed share", "1 spends the budget exactly in the promise's period"),
    )


@numeric(id="number-budget-hours", subject="operations", topic="On call", difficulty="medium", source=_SLO)
def budget_hours(draw: Draw) -> Numeric:
    """When the rest of the budget is gone."""
    burn, left = draw.of(2, 3, 6, 10, 14.4, 20), draw.integer(20, 100, 10)
    hours = 30 * 24 * left / 100 / burn
    return Numeric(
        question=f"The budget is for 30 days, and {left} % of it is left. It burns {burn:g} times as fast as allowed. "
        "In how many hours is it gone?",
        answer=hours,
        unit="hours",
        tolerance=0.02,
        working=f"30 × 24 h × {left / 100:g} / {burn:g} = {hours:.4g} h",
        must=("the period divided by the burn rate, times what is left", "that decides between a page and a ticket"),
    )


@numeric(id="number-budget-used", subject="operations", topic="On call", difficulty="hard", source=_OBJECTIVES)
def budget_used(draw: Draw) -> Numeric:
    """How much of the budget a partial outage uses up."""
    promise, minutes, failing = draw.of(99, 99.5, 99.9), draw.integer(15, 90, 5), draw.of(10, 20, 25, 40)
    budget = 30 * 24 * 60 * (100 - promise) / 100
    used = minutes * failing / budget
    return Numeric(
        question=f"{promise:g} % of the requests shall succeed over 30 days of even traffic. For {minutes} minutes "
        f"{failing} % of them failed. How much of the budget has that used up, in percent?",
        answer=used,
        unit="%",
        tolerance=0.02,
        working=f"{minutes} × {failing / 100:g} / ({30 * 24 * 60} × {(100 - promise) / 100:g}) = {used:.4g} %",
        must=("minutes times the share that failed", "compare it with the budget in the same unit"),
    )


@numeric(
    id="number-roll-out",
    subject="operations",
    topic="GitOps, roll-out and roll-back",
    difficulty="medium",
    source=_ROLLOUT,
)
def roll_out(draw: Draw) -> Numeric:
    """How long a rolling update takes."""
    replicas, surge, ready_s = draw.integer(6, 60), draw.integer(1, 6), draw.integer(20, 240, 10)
    waves = -(-replicas // surge)
    return Numeric(
        question=f"{replicas} replicas are replaced, {surge} at a time (maxSurge {surge}, maxUnavailable 0). A new "
        f"one is ready after {ready_s} s; ending an old one takes no time. After how many minutes are all replaced?",
        answer=waves * ready_s / 60,
        unit="minutes",
        tolerance=0.02,
        working=f"⌈{replicas} / {surge}⌉ × {ready_s} s = {waves * ready_s} s = {waves * ready_s / 60:.4g} min",
        must=("waves times the time to be ready", "a way back takes as long, unless the old ones still run"),
    )


@numeric(id="number-audit", subject="operations", topic="Capacity and cost", difficulty="easy", source=_AUDIT)
def audit_size(draw: Draw) -> Numeric:
    """What a log line for each prediction takes on disk."""
    rate, line, days = draw.integer(50, 900, 50), draw.integer(250, 700, 50), draw.of(30, 90, 180, 365)
    size = rate * line * 86400 * days / 1e9
    return Numeric(
        question=f"Each of {rate} requests/s writes an audit line of {line} bytes, and lines are kept for {days} "
        "days. How many GB (10^9 bytes) are that, uncompressed?",
        answer=size,
        unit="GB",
        tolerance=0.02,
        working=f"{rate}/s × {line} bytes × 86,400 s × {days} = {size:,.6g} GB",
        must=("a day has 86,400 seconds", "how long it is kept is a decision, and the largest factor"),
    )
