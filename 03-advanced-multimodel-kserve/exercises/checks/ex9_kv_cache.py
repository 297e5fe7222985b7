"""What exercise 9 must do: models and machines that nobody has seen before, filled block by block."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from course.exercises import expect, expect_equal, load
from planner.tokens.model import F16, ModelShape

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1 << 30
NEAR = 1e-9


def check_small_models_by_hand(answer: Path) -> None:
    of = load(answer).bytes_per_token
    expect_equal("bytes_per_token(1, 1, 1, 2)", of(1, 1, 1, 2), 4)
    expect_equal("SmolLM2-135M: 30 layers, 3 heads of 64, 2 bytes", of(30, 3, 64, 2), 23_040)


def check_other_models_take_what_the_planner_says(answer: Path) -> None:
    of, random = load(answer).bytes_per_token, Random()  # noqa: S311 - examples
    for _ in range(20):
        layers, kv_heads, head_size = random.randint(2, 120), random.choice((1, 2, 4, 8)), random.choice((64, 96, 128))
        shape = ModelShape(
            name="",
            layers=layers,
            heads=kv_heads * 4,
            kv_heads=kv_heads,
            head_size=head_size,
            context=1,
            weights_bytes=1,
        )
        asked = f"{layers} layers, {kv_heads} heads of {head_size}, 2 bytes"
        expect_equal(asked, of(layers, kv_heads, head_size, 2), shape.kv_bytes_per_token(F16))


def check_conversations_fill_the_memory_block_by_block(answer: Path) -> None:
    of, random = load(answer).most_conversations, Random()  # noqa: S311 - examples
    for _ in range(30):
        weights, token = random.randint(1, 20) * GIB // 10, random.randrange(2_000, 400_000, 512)
        memory, block = weights + random.randint(1, 5 * GIB), random.choice((1, 16, 32, 128))
        longest = random.randint(block, 3000)
        asked = f"{memory:,} bytes, weights {weights:,}, token {token:,}, blocks of {block}, {longest} tokens each"
        expect_equal(asked, of(memory, weights, token, block, longest), filled(memory - weights, token, block, longest))


def check_no_room_is_no_conversation(answer: Path) -> None:
    of = load(answer).most_conversations
    expect_equal("weights larger than the memory", of(GIB, 2 * GIB, 23_040, 32, 100), 0)
    expect_equal("one block too few", of(1000 + 3 * 32 * 10, 1000, 10, 32, 97), 0)
    expect_equal("just the blocks of one", of(1000 + 4 * 32 * 10, 1000, 10, 32, 97), 1)


def check_all_get_their_token_in_time_and_one_more_would_not(answer: Path) -> None:
    of, random = load(answer).most_at_speed, Random()  # noqa: S311 - examples
    for _ in range(30):
        weights, token, context = (
            random.randint(1, 160) * GIB // 10,
            random.randrange(10_000, 400_000),
            random.randint(100, 8000),
        )
        bytes_per_s = random.uniform(20, 4000) * 1e9
        token_s = weights / bytes_per_s + random.uniform(0.2, 60) * token * context / bytes_per_s
        found = of(bytes_per_s, weights, token, context, token_s)
        asked = f"{bytes_per_s:.3g} bytes/s, weights {weights:,}, {token:,} bytes × {context}, {token_s * 1e3:.2f} ms"
        expect(isinstance(found, int) and found >= 0, f"{asked}: {found!r}: expected a whole number")
        takes_s = [(weights + number * token * context) / bytes_per_s for number in (found, found + 1)]
        fits = takes_s[0] <= token_s * (1 + NEAR)
        expect(fits, f"{asked}: {found} at once take {takes_s[0] * 1e3:.2f} ms: expected {token_s * 1e3:.2f} at most")
        full = takes_s[1] >= token_s * (1 - NEAR)
        expect(full, f"{asked}: {found}: expected more, {found + 1} would take {takes_s[1] * 1e3:.2f} ms")


def check_weights_that_are_read_too_slowly_serve_nobody(answer: Path) -> None:
    found = load(answer).most_at_speed(1e9, 2 * GIB, 23_040, 100, 0.5)
    expect_equal("2 GiB of weights at 1 GB/s, a token every 0.5 s", found, 0)


def filled(room: int, token: int, block: int, longest: int) -> int:
    """Counts as a server would: block after block to one conversation after the other, until one finds none."""
    conversations = 0
    while True:
        held = 0
        while held < longest:
            room -= token * block
            if room < 0:
                return conversations
            held += block
        conversations += 1
