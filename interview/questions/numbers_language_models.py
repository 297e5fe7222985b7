"""Numeric questions on serving language models: memory, speed, cost."""

from __future__ import annotations

from course.drill.numeric import Draw, Numeric, numeric

_SCALING = "source: [All about transformer inference](https://jax-ml.github.io/scaling-book/inference/)"
_KV = "source: [kv_cache_size](https://docs.rs/kv-cache-size/0.1.0/kv_cache_size/)"
_PAGED = "source: [PagedAttention](https://arxiv.org/abs/2309.06180)"
_SPECULATIVE = "source: [Fast Inference from Transformers via Speculative Decoding](https://arxiv.org/abs/2211.17192)"
_PREFIX = "source: [Automatic prefix caching](https://docs.vllm.ai/en/latest/design/prefix_caching/)"
_PRICES = "source: [Prompt caching](https://docs.mistral.ai/studio-api/conversations/advanced/prompt-caching)"
_METRICS = (
    "source: [Key metrics for benchmarking LLMs]"
    "(https://awslabs.github.io/ai-on-eks/docs/guidance/benchmarking/key-metrics-for-benchmarking-llms)"
)
_MODELS = "language-models"


@numeric(id="number-kv-token", subject=_MODELS, topic="How the text is generated", difficulty="easy", source=_KV)
def kv_per_token(draw: Draw) -> Numeric:
    """What the KV cache takes for each token."""
    layers, heads, size, number = (
        draw.of(24, 28, 32, 40, 48, 64, 80),
        draw.of(4, 8, 16),
        draw.of(64, 128),
        draw.of(1, 2),
    )
    answer = 2 * layers * heads * size * number / 1024
    return Numeric(
        question=f"A model has {layers} layers and in each {heads} key-value heads of {size} numbers, kept in "
        f"{8 * number} bits. How many KiB (1,024 bytes) of KV cache does a token take?",
        answer=answer,
        unit="KiB",
        tolerance=0.02,
        working=f"2 × {layers} × {heads} × {size} × {number} bytes / 1024 = {answer:g} KiB",
        must=("two: keys and values", "key-value heads, which are fewer than the heads of the queries"),
    )


@numeric(id="number-sequences", subject=_MODELS, topic="Batching and memory", difficulty="medium", source=_PAGED)
def sequences(draw: Draw) -> Numeric:
    """How many conversations fit on a GPU at a time."""
    memory, weights = draw.of((24, 8), (24, 16), (48, 16), (80, 16), (80, 28), (141, 70))
    kib, tokens = draw.of(64, 96, 128, 192), draw.integer(1000, 12000, 500)
    answer = (memory * 9 * 10**8 - weights * 10**9) // (kib * 1024 * tokens)
    return Numeric(
        question=f"A GPU has {memory} GB (10^9 bytes), of which the server uses 90 %. The weights take {weights} GB. "
        f"The KV cache takes {kib} KiB (1,024 bytes) a token. How many conversations of {tokens:,} tokens run at the "
        "same time at most?",
        answer=answer,
        unit="conversations",
        tolerance=0,
        working=f"⌊({memory} × 0.9 - {weights}) × 10^9 / ({kib} × 1024 × {tokens})⌋ = {answer}",
        must=("memory minus weights is what the cache gets", "each running token of prompt and answer counts"),
    )


@numeric(
    id="number-decode-bound", subject=_MODELS, topic="How the text is generated", difficulty="easy", source=_SCALING
)
def decode_bound(draw: Draw) -> Numeric:
    """How fast a single user can be served at most."""
    parameters, bits, bandwidth = draw.of(3, 7, 8, 13, 32, 70), draw.of(4, 8, 16), draw.of(300, 900, 2000, 3350, 4800)
    answer = bandwidth / (parameters * bits / 8)
    return Numeric(
        question=f"A model has {parameters} billion weights of {bits} bits. The GPU's memory delivers {bandwidth:,} "
        "GB/s. How many tokens/s can one user get at most, if only the reading of the weights counts?",
        answer=answer,
        unit="tokens/s",
        tolerance=0.02,
        working=f"{bandwidth} / ({parameters} × {bits}/8 GB) = {answer:.4g} tokens/s",
        must=("each token reads all weights once", "bandwidth over bytes, and not flops"),
    )


@numeric(id="number-stream-time", subject=_MODELS, topic="Latency as users feel it", difficulty="easy", source=_METRICS)
def stream_time(draw: Draw) -> Numeric:
    """How long a streamed answer takes in all."""
    first_ms, each_ms, tokens = draw.integer(150, 900, 50), draw.integer(12, 60), draw.integer(100, 900, 20) + 1
    answer = (first_ms + (tokens - 1) * each_ms) / 1000
    return Numeric(
        question=f"The time to first token is {first_ms} ms and the time per further token {each_ms} ms. After how "
        f"many seconds is an answer of {tokens} tokens complete?",
        answer=answer,
        unit="s",
        tolerance=0.02,
        working=f"{first_ms} ms + {tokens - 1} × {each_ms} ms = {answer:.4g} s",
        must=("the first token counts once, the pace for all others", "the length of the answer decides the total"),
    )


@numeric(id="number-speculation", subject=_MODELS, topic="Making it faster", difficulty="hard", source=_SPECULATIVE)
def speculation(draw: Draw) -> Numeric:
    """How many tokens a pass yields with proposals of a draft model."""
    accepted, drafts = draw.of(50, 60, 70, 75, 80, 90), draw.integer(2, 6)
    chance = accepted / 100
    answer = (1 - chance ** (drafts + 1)) / (1 - chance)
    return Numeric(
        question=f"A draft proposes {drafts} tokens, each of which is accepted with a chance of {accepted} %, and all "
        "after the first rejected one are dropped. The large model adds one of its own. How many tokens does a pass "
        "yield on average?",
        answer=answer,
        unit="tokens",
        tolerance=0.02,
        working=f"(1 - {chance:g}^{drafts + 1}) / (1 - {chance:g}) = {answer:.4g}",
        must=("a sum of powers: each proposal needs all before it", "later proposals bring less and less"),
    )


@numeric(id="number-prefix-saving", subject=_MODELS, topic="Batching and memory", difficulty="medium", source=_PREFIX)
def prefix_saving(draw: Draw) -> Numeric:
    """Which share of the prefill a prefix cache saves."""
    common, own, hits = draw.integer(800, 8000, 200), draw.integer(100, 2000, 100), draw.of(40, 50, 60, 80, 90)
    answer = hits * common / (common + own)
    return Numeric(
        question=f"Every prompt begins with the same {common:,} tokens and goes on with {own:,} of its own. For "
        f"{hits} % of the requests the common part is found in the prefix cache. Which share of all prompt tokens "
        "need not be computed, in percent?",
        answer=answer,
        unit="%",
        tolerance=0.02,
        working=f"{hits / 100:g} × {common} / ({common} + {own}) = {answer:.4g} %",
        must=("hits times the common share", "decode is not saved"),
    )


@numeric(id="number-token-cost", subject=_MODELS, topic="Cost", difficulty="medium", source=_SCALING)
def token_cost(draw: Draw) -> Numeric:
    """What a million tokens cost on one's own GPU."""
    cents, rate, busy = draw.integer(150, 900, 50), draw.integer(500, 6000, 250), draw.of(15, 20, 30, 40, 50, 75)
    answer = cents / 100 / (rate * busy / 100 * 3600) * 1e6
    return Numeric(
        question=f"A GPU costs {cents} cents an hour and generates {rate:,} tokens/s when it is busy, which it is for "
        f"{busy} % of the time. What does a million tokens cost, in dollars?",
        answer=answer,
        unit="dollars",
        tolerance=0.02,
        working=f"{cents / 100:g} / ({rate} × 3600 × {busy / 100:g}) × 1,000,000 = {answer:.4g} dollars",
        must=("price of an hour over the tokens of an hour", "utilisation divides, and is what operation can change"),
    )


@numeric(id="number-request-cost", subject=_MODELS, topic="Cost", difficulty="medium", source=_PRICES)
def request_cost(draw: Draw) -> Numeric:
    """What requests cost at an API's prices for input, cached input and output."""
    fresh, cached, output = draw.integer(200, 3000, 100), draw.integer(1000, 9000, 500), draw.integer(100, 900, 50)
    price = draw.of(20, 40, 100, 300)
    cents = 1000 * (fresh * price + cached * price // 10 + output * price * 5) / 1e6
    return Numeric(
        question=f"A provider asks {price} cents for a million input tokens, a tenth of that for cached ones, and "
        f"five times as much for output. A request has {fresh:,} new and {cached:,} cached input tokens and {output} "
        "of output. What do 1,000 requests cost, in cents?",
        answer=cents,
        unit="cents",
        tolerance=0.02,
        working=f"1000 × ({fresh} × {price} + {cached} × {price / 10:g} + {output} × {5 * price}) / 1,000,000 = "
        f"{cents:.4g} cents",
        must=("three kinds of tokens with three prices", "output weighs most for its length"),
    )
