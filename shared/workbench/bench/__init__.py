"""Servers measured side by side: same payload, same connections, same core, in turn, answers checked.

`compare` holds to what makes a ratio believable: servers pinned to core 0 and the generator to core 1, every peer
started before the first is measured, rounds run forwards and backwards (A B B A) so that a drifting machine favours
nobody, medians over the rounds, and CPU time per request beside the wall clock's figures. Whether a goal is met is said
by the rounds (`at_least`).
"""

from workbench.bench.compare import Contender, Peer, PeerResult, compare, free_block, free_ports, in_turn
from workbench.bench.load import BadAnswerError, LoadResult, closed_loop
from workbench.bench.rounds import Goal, all_of, at_least, at_most

__all__ = [
    "BadAnswerError",
    "Contender",
    "Goal",
    "LoadResult",
    "Peer",
    "PeerResult",
    "all_of",
    "at_least",
    "at_most",
    "closed_loop",
    "compare",
    "free_block",
    "free_ports",
    "in_turn",
]
