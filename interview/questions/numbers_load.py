"""Numeric questions of levels 1 and 2: load, latency, promises, and what a pipeline of steps adds up to."""

from __future__ import annotations

from course.drill.numeric import Draw, Numeric, numeric

_CLOSED_LOOP = "proof: [closed_loop.py](../../shared/workbench/sla/closed_loop.py)"
_QUEUE = "proof: [queueing.py](../../03-advanced-multimodel-kserve/planner/queueing.py)"
_CAPACITY = "proof: [capacity.py](../../shared/workbench/sla/capacity.py), `make capacity-1`"
_INTERVAL = "proof: [interval.py](../../shared/workbench/sla/interval.py), `make sla-1`"
_MERGING = "proof: [merging.py](../../03-advanced-multimodel-kserve/shop/gateway/domain/merging.py)"
_LESSON_2 = "proof: [README](../../02-intermediate-seldon-pipeline/README.md)"

_ENOUGH = 100
"""Requests of a run that may be asked about."""


def _measured(draw: Draw) -> int:
    """A level of which the learner has results; any, where there is none."""
    return draw.of(*([level for level in (1, 2, 3) if draw.results.sla(level)] or [1, 2, 3]))


@numeric(id="number-in-flight", subject="level-1", topic="Latency and load", difficulty="easy", source=_CLOSED_LOOP)
def in_flight(draw: Draw) -> Numeric:
    """Little's law: how many requests are in flight at a rate and a mean latency."""
    rate, latency_ms = draw.integer(50, 900, 50), draw.integer(4, 60)
    return Numeric(
        question=f"A server answers {rate} requests/s with a mean latency of {latency_ms} ms. How many are in flight?",
        answer=rate * latency_ms / 1000,
        unit="requests",
        tolerance=0.02,
        working=f"L = λ × W = {rate}/s × {latency_ms / 1000:g} s = {rate * latency_ms / 1000:g}",
        must=("Little's law: in flight = rate × mean time inside", "it needs the mean, not a percentile"),
    )


@numeric(id="number-utilisation", subject="level-1", topic="Latency and load", difficulty="easy", source=_CAPACITY)
def utilisation(draw: Draw) -> Numeric:
    """How busy the cores are, from the rate and the CPU time of a request."""
    cores, cpu_ms, busy = draw.of(2, 4, 8), draw.integer(2, 9), draw.integer(25, 80)
    rate = max(10, round(cores * 1000 * busy / 100 / cpu_ms / 10) * 10)
    return Numeric(
        question=f"A request costs {cpu_ms} ms of CPU. {rate} arrive each second on a machine of {cores} cores. How "
        "busy are the cores, in percent?",
        answer=rate * cpu_ms / 10 / cores,
        unit="%",
        tolerance=0.02,
        working=f"{rate}/s × {cpu_ms} ms = {rate * cpu_ms:g} ms of CPU a second; / {cores} cores = "
        f"{rate * cpu_ms / 10 / cores:.4g} %",
        must=("CPU-seconds per second, divided by the cores", "waiting costs no CPU, so this says nothing of latency"),
    )


@numeric(id="number-servers", subject="level-1", topic="Latency and load", difficulty="easy", source=_CAPACITY)
def servers(draw: Draw) -> Numeric:
    """How many servers carry a rate when none may be fully used."""
    rate, capacity, busy = draw.integer(800, 6000, 100), draw.integer(110, 390, 10), draw.of(50, 60, 65, 70, 75)
    answer = -(-rate * 100 // (capacity * busy))
    return Numeric(
        question=f"{rate:,} requests/s are expected. One server can do {capacity} requests/s and may be used to "
        f"{busy} % of that. How many servers are needed?",
        answer=answer,
        unit="servers",
        tolerance=0,
        working=f"⌈{rate} / ({capacity} × {busy / 100:g})⌉ = ⌈{rate * 100 / capacity / busy:.2f}⌉ = {answer}",
        must=("capacity measured at the promised p99, not at the limit", "headroom, and then round up"),
    )


@numeric(id="number-time-in-system", subject="level-1", topic="Latency and load", difficulty="medium", source=_QUEUE)
def time_in_system(draw: Draw) -> Numeric:
    """How latency grows with utilisation in the simplest queue."""
    service_ms, busy = draw.integer(2, 20), draw.of(50, 60, 75, 80, 90, 95)
    answer = service_ms / (1 - busy / 100)
    return Numeric(
        question=f"Requests arrive at random at one server and take {service_ms} ms on average, spread exponentially. "
        f"It is used to {busy} %. How long is a request there on average, waiting included?",
        answer=answer,
        unit="ms",
        tolerance=0.02,
        working=f"M/M/1: W = S / (1 - busy) = {service_ms} / (1 - {busy / 100:g}) = {answer:.4g} ms",
        must=("service time over the share that is free", "the last tenths of utilisation cost most"),
    )


@numeric(id="number-fan-out", subject="level-1", topic="Latency and load", difficulty="easy", source=_MERGING)
def fan_out(draw: Draw) -> Numeric:
    """How often at least one of several calls is slow."""
    calls, slow = draw.integer(4, 40), draw.of(1, 2, 5)
    answer = 100 * (1 - (1 - slow / 100) ** calls)
    return Numeric(
        question=f"A page makes {calls} independent calls, and {slow} % of all calls are slow. Which share of the "
        "pages, in percent, has at least one slow call?",
        answer=answer,
        unit="%",
        tolerance=0.02,
        working=f"1 - (1 - {slow / 100:g})^{calls} = {answer:.4g} %",
        must=("all calls must be fast: (1 - p)^n", "so the tail of a call becomes the ordinary case of a page"),
    )


@numeric(id="number-fan-out-budget", subject="level-1", topic="Latency and load", difficulty="hard", source=_MERGING)
def fan_out_budget(draw: Draw) -> Numeric:
    """How strict a backend must be when a request waits for several of them."""
    calls, late = draw.integer(3, 30), draw.of(1, 2, 5)
    answer = 100 * (1 - (1 - late / 100) ** (1 / calls))
    return Numeric(
        question=f"A request waits for {calls} backends, which are independent. At most {late} % of the requests may "
        "be late. Which share of one backend's answers may be late at most, in percent?",
        answer=answer,
        unit="%",
        tolerance=0.03,
        working=f"1 - (1 - {late / 100:g})^(1/{calls}) = {answer:.4g} %",
        must=(
            "the root, or nearly the share divided by the number of backends",
            "it holds only if they are independent",
        ),
    )


@numeric(id="number-own-servers", subject="level-1", topic="Latency and load", difficulty="medium", source=_INTERVAL)
def own_servers(draw: Draw) -> Numeric:
    """How many servers like the learner's own carry a larger rate, one of them broken."""
    level = _measured(draw)
    own = draw.results.sla(level)
    rate, p99_ms = (own.rate_rps, own.p99_ms) if own else (draw.integer(40, 240, 20), draw.integer(5, 45))
    wanted = draw.integer(10, 60) * 50
    answer = int(-(-wanted // rate)) + 1
    said = f"Your last `make sla-{level}` had" if own else f"A server's run of `make sla-{level}` had"
    return Numeric(
        question=f"{said} a p99 of {p99_ms:g} ms at {rate:g} requests/s. You want that latency at {wanted:,} "
        "requests/s, also while a server is down. How many such servers do you start, if each shall get no more than "
        "it was tested with?",
        answer=answer,
        unit="servers",
        tolerance=0,
        working=f"⌈{wanted} / {rate:g}⌉ + 1 = {answer}",
        must=("only the tested rate is proven", "one more, so that a failure leaves enough"),
    )


@numeric(id="number-own-slow", subject="level-1", topic="Latency and load", difficulty="easy", source=_INTERVAL)
def own_slow(draw: Draw) -> Numeric:
    """How many slow requests a promise of a percentile allows in the learner's own run."""
    level = _measured(draw)
    own = draw.results.sla(level)
    own = own if own and own.requests >= _ENOUGH else None
    requests = own.requests if own else draw.integer(740, 9800, 10)
    kept = draw.of(99, 95, 90)
    said = f"Your last `make sla-{level}`" if own else f"A run of `make sla-{level}`"
    answer = requests * (100 - kept) // 100
    return Numeric(
        question=f"{said} made {requests:,} requests. How many of them may at most be slower than 50 ms, for its "
        f"p{kept} to be at most 50 ms?",
        answer=answer,
        unit="requests",
        tolerance=0,
        working=f"⌊{requests} × {(100 - kept) / 100:g}⌋ = {answer}",
        must=("a percentile is a count", "a measured count near the limit proves nothing: another run may differ"),
    )


@numeric(id="number-pipeline-fails", subject="level-2", topic="When a step fails", difficulty="easy", source=_LESSON_2)
def pipeline_fails(draw: Draw) -> Numeric:
    """How often a chain fails when each of its steps seldom does."""
    steps, fails = draw.integer(3, 7), draw.of(0.1, 0.2, 0.5, 1)
    answer = 100 * (1 - (1 - fails / 100) ** steps)
    return Numeric(
        question=f"A pipeline has {steps} steps, each of which fails for {fails:g} % of the requests, independently. "
        "Nothing is retried. Which share of the requests fails, in percent?",
        answer=answer,
        unit="%",
        tolerance=0.02,
        working=f"1 - (1 - {fails / 100:g})^{steps} = {answer:.4g} %",
        must=("availabilities multiply", "nearly the number of steps times the share of one"),
    )


@numeric(id="number-retries", subject="level-2", topic="When a step fails", difficulty="easy", source=_LESSON_2)
def retries(draw: Draw) -> Numeric:
    """How tries in several layers multiply."""
    layers, tries = draw.integer(2, 4), draw.integer(2, 4)
    return Numeric(
        question=f"A call passes {layers} layers, and each of them tries {tries} times before it gives up. The "
        "service at the end is down. How many calls does it get for one request?",
        answer=tries**layers,
        unit="calls",
        tolerance=0,
        working=f"{tries}^{layers} = {tries**layers}",
        must=("tries multiply from layer to layer", "retry in one layer only, and with a budget"),
    )


@numeric(id="number-step-faster", subject="level-2", topic="Running it", difficulty="medium", source=_LESSON_2)
def step_faster(draw: Draw) -> Numeric:
    """What making one step faster brings for the whole (Amdahl's law)."""
    before, step, after, factor = draw.integer(2, 9), draw.integer(6, 30), draw.integer(1, 8), draw.integer(2, 6)
    whole = before + step + after
    faster = whole / (before + step / factor + after)
    return Numeric(
        question=f"Three steps run one after the other and take {before}, {step} and {after} ms. The second becomes "
        f"{factor} times as fast. How many times as fast is the whole?",
        answer=faster,
        unit="times",
        tolerance=0.02,
        working=f"{whole} / ({before} + {step}/{factor} + {after}) = {faster:.4g}",
        must=("only the share of that step shrinks", "find the largest step first"),
    )


@numeric(id="number-bytes", subject="level-2", topic="What goes over the wire", difficulty="medium", source=_LESSON_2)
def on_the_wire(draw: Draw) -> Numeric:
    """What numbers cost as bytes and as text."""
    scores, text, rate = draw.integer(500, 4000, 100), draw.integer(9, 19), draw.integer(20, 200, 10)
    saved = scores * (text - 4) * rate * 8 / 1e6
    return Numeric(
        question=f"Each of {rate} requests/s carries {scores:,} scores from one step to the next. As text a score "
        f"takes {text} bytes, in binary 4. How many Mbit/s does binary save?",
        answer=saved,
        unit="Mbit/s",
        tolerance=0.02,
        working=f"{scores} × ({text} - 4) bytes × {rate}/s × 8 bits = {saved:.4g} Mbit/s",
        must=("bytes per number times numbers times rate", "printing and parsing the text costs more than the network"),
    )
