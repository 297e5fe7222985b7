"""What one replica of a design does at each rate: simulated once, looked up in every step of the day."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from planner.tokens.limits import Exchange, most_rate
from planner.tokens.model import blocks_of
from planner.tokens.simulation import Door, TokenRequest, simulate
from planner.tokens.traffic import open_loop

if TYPE_CHECKING:
    from planner.token_day.token_design import TokenDesign
    from planner.token_day.token_needs import TokenNeeds
    from planner.tokens.calibration import TokenCalibration
    from planner.tokens.scheduler import EngineShape
    from planner.tokens.simulation import TokenOutcome
    from planner.tokens.step_cost import StepCost
    from planner.tokens.traffic import Lengths

__all__ = ["DesignedReplica", "ReplicaState", "ReplicaTable", "designed_replica", "kept_prefix", "table_of"]

_LOADS: Final = (0.1, 0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.6, 2.5, 4.0)
_REQUESTS: Final = 900
_FEWEST: Final = 0.2
"""Where there is hardly any load, few requests tell as much, and cost most time."""
_WARM_UP: Final = 0.15
_HOLDS: Final = 0.01
_BUSY_DAY: Final = 0.6
"""The load, of what no batch can exceed, for which the room for idle conversations is worked out."""
_SEED: Final = 1


class DesignedReplica(NamedTuple):
    """An engine with its door and the shoppers' traffic, in tokens that are really computed.

    ``long``: requests of one client, as prompt and answer, and their share of all requests.
    """

    cost: StepCost
    shape: EngineShape
    door: Door
    lengths: Lengths
    ttft_s: float
    tpot_s: float
    long: tuple[int, int, float] = (1, 1, 0.0)


class ReplicaState(NamedTuple):
    """One replica at a rate: shares of the shoppers' questions, then what an autoscaler sees.

    Attributes:
        failed: that were turned away.
        late, slow: whose first token came too late; whose other tokens did.
        cpu: the share of the time in which the engine computes.
        tokens: of all requests in the replica, waiting ones too, on average.
    """

    failed: float
    late: float
    slow: float
    cpu: float
    tokens: float


class ReplicaTable:
    """States of one replica at growing rates, requests a second; between them it draws straight lines."""

    def __init__(self, replica: DesignedReplica) -> None:
        long_prompt, long_answer, share = replica.long
        prompt, answer = (
            own * (1 - share) + other * share
            for own, other in ((replica.lengths.prompt, long_prompt), (replica.lengths.answer, long_answer))
        )
        bound = most_rate(replica.cost, Exchange(prompt, answer), replica.shape.step_tokens)
        self.rates = [load * bound for load in _LOADS]
        self.states = [
            _simulated(replica, load * bound, round(_REQUESTS * min(1.0, _FEWEST + load))) for load in _LOADS
        ]

    def at(self, rate_rps: float) -> ReplicaState:
        """What a replica does at this rate; beyond the table it answers no more than at its end."""
        rates, states = self.rates, self.states
        place = bisect_right(rates, rate_rps)
        if place == 0:
            first = states[0]
            part = rate_rps / rates[0]
            return first._replace(cpu=first.cpu * part, tokens=first.tokens * part)
        if place == len(rates):
            last, part = states[-1], rates[-1] / rate_rps
            return last._replace(failed=1 - (1 - last.failed) * part, late=last.late * part, slow=last.slow * part)
        part = (rate_rps - rates[place - 1]) / (rates[place] - rates[place - 1])
        return ReplicaState(*(a + (b - a) * part for a, b in zip(states[place - 1], states[place], strict=True)))

    @property
    def holds_rps(self) -> float:
        """The largest rate up to which never more than one in a hundred is turned away, late or slow."""
        broken = [each.failed + each.late + each.slow for each in self.states]
        for place, share in enumerate(broken):
            if share > _HOLDS:
                if not place:
                    return 0.0
                before = broken[place - 1]
                part = (_HOLDS - before) / (share - before)
                return self.rates[place - 1] + part * (self.rates[place] - self.rates[place - 1])
        return self.rates[-1]


def designed_replica(design: TokenDesign, needs: TokenNeeds, calibration: TokenCalibration) -> DesignedReplica:
    """The replica of a design.

    A prefix that is kept is not computed again, but every later token looks back at it and it holds its blocks: so the
    prompts are shorter by it, each token costs its look back, and as many sequences fit as with whole prompts.
    """
    shoppers, engine, door = needs.shoppers, design.engine, design.admission
    lengths, cost, kept = shoppers.lengths, calibration.cost, round(kept_prefix(design, needs, calibration))
    longest = max(needs.abuse.prompt + needs.abuse.answer, lengths.most_prompt + lengths.most_answer)
    least = blocks_of(longest, calibration.shape.block_tokens)
    blocks = max(least, int(engine.blocks * (1 - kept / shoppers.tokens)))
    patience = min(needs.leaves_s, door.deadline_s or needs.leaves_s)
    left = 1 - kept / lengths.prompt
    return DesignedReplica(
        cost=msgspec.structs.replace(
            cost,
            decode_us=cost.decode_us + kept * cost.decode_context_us,
            prefill_us=cost.prefill_us + kept * cost.prefill_context_us,
        ),
        shape=replace(calibration.shape, blocks=blocks, step_tokens=engine.step_tokens),
        door=Door(
            tokens=blocks * calibration.shape.block_tokens,
            sequences=engine.sequences,
            queued=door.limit if door.by == "requests" else float("inf"),
            queued_tokens=door.limit * (1 - kept / shoppers.tokens) if door.by == "tokens" else float("inf"),
            patience_s=patience,
        ),
        lengths=msgspec.structs.replace(
            lengths, prompt=lengths.prompt * left, most_prompt=max(1, int(lengths.most_prompt * left))
        ),
        ttft_s=needs.promise.ttft_ms / 1e3,
        tpot_s=needs.promise.tpot_ms / 1e3,
    )


def kept_prefix(design: TokenDesign, needs: TokenNeeds, calibration: TokenCalibration) -> float:
    """Tokens of a prompt that the prefix cache spares, on average.

    The beginning that all share is always there. Earlier turns are as far as the blocks that no sequence needs have
    room for the conversations whose shoppers are thinking: rate times thinking time (Little's law), each with all its
    tokens.
    """
    shoppers, shape = needs.shoppers, calibration.shape
    if not design.engine.prefix_cache:
        return 0.0
    typical = Exchange(shoppers.lengths.prompt - shoppers.system, shoppers.lengths.answer)
    rate = _BUSY_DAY * most_rate(calibration.cost, typical, design.engine.step_tokens)
    room = design.engine.blocks * shape.block_tokens - design.engine.sequences * shoppers.tokens
    idle = rate * shoppers.think_s * shoppers.tokens
    return shoppers.system + shoppers.history * min(1.0, max(0.0, room / idle))


@lru_cache(maxsize=64)
def table_of(replica: DesignedReplica) -> ReplicaTable:
    """The table of a replica; simulated once."""
    return ReplicaTable(replica)


def _simulated(replica: DesignedReplica, rate_rps: float, requests: int) -> ReplicaState:
    prompt, answer, share = replica.long
    span = requests / rate_rps
    own = open_loop(rate_rps * (1 - share), span, replica.lengths, _SEED)
    marked = [(request, True) for request in own]
    if share:
        count = max(1, round(rate_rps * share * span))
        marked += [(TokenRequest(span * (n + 0.5) / count, prompt, answer), False) for n in range(count)]
    marked.sort(key=lambda each: each[0].at_s)
    totals = simulate([each for each, _ in marked], replica.shape, replica.cost, seed=_SEED, door=replica.door)
    pairs = zip(totals.outcomes, marked, strict=True)
    mine = [outcome for outcome, (request, honest) in pairs if honest and request.at_s >= _WARM_UP * span]
    stays = sum(
        (min(each.ended_s, span) - each.request.at_s) * (each.request.prompt + each.request.output)
        for each in totals.outcomes
        if each.ended_s < float("inf")
    )
    return ReplicaState(*_shares(mine, replica), totals.busy_s / totals.ended_s, stays / span)


def _shares(mine: list[TokenOutcome], replica: DesignedReplica) -> tuple[float, float, float]:
    """Turned away; of the answered, with a late first token; of the others, with slow ones."""
    answered = [each for each in mine if each.ended_s < float("inf")]
    late = [each for each in answered if each.ttft_s > replica.ttft_s]
    slow = [each for each in answered if each.ttft_s <= replica.ttft_s and each.tpot_s > replica.tpot_s]
    count = max(len(mine), 1)
    return 1 - len(answered) / count, len(late) / count, len(slow) / count
