"""Traffic of the simulated world: what people ask, and what they think of the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.addresses import Addresses
    from shop.entrypoints.open_loop import Message
    from shop.entrypoints.replay import Replay

__all__ = ["mixed_messages", "world_replay"]


def world_replay(addresses: Addresses, model: str, rate_rps: float) -> Replay:
    """Requests of a model, with the feedback of those who asked."""
    raise NotImplementedError


def mixed_messages(addresses: Addresses, count: int) -> list[Message]:
    """Requests in the mix of the SLA."""
    raise NotImplementedError
