"""Pods of their own cores, and the balancer in front of them, which learns only after a while that one is gone."""

from __future__ import annotations

import math
from heapq import heapreplace
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    import simpy

__all__ = ["Pod", "Server", "Station", "ZoneLoss", "after"]

_CHOICES: Final = 2


class ZoneLoss(NamedTuple):
    """A zone falls silent at ``at_s``; balancers send nothing there any more ``notice_s`` later.

    An attempt that meets a silent pod is given up after ``attempt_s`` and made elsewhere.
    """

    zone: int
    at_s: float
    notice_s: float = 2.0
    attempt_s: float = 0.02


class Server(Protocol):
    """Something that does work in the order in which it came."""

    zone: int
    dies_at: float

    def serve(self, seconds: float, then_s: float = 0.0) -> simpy.Event:
        """An event that happens ``then_s`` after the work is done."""
        ...

    def backlog_s(self) -> float:
        """How long a request that came now would wait, at most."""
        ...


class Pod:
    """Cores behind one queue. First come, first served, so the end of a piece of work is known when it comes."""

    def __init__(self, env: simpy.Environment, zone: int, cores: int = 1) -> None:
        self._env = env
        self._free_at = [0.0] * cores
        self.zone = zone
        self.dies_at = math.inf
        self.busy_s = 0.0

    def serve(self, seconds: float, then_s: float = 0.0) -> simpy.Event:
        """An event that happens ``then_s`` after the work is done, behind all work that came before it."""
        now = self._env.now
        ends_at = max(now, self._free_at[0]) + seconds
        heapreplace(self._free_at, ends_at)
        self.busy_s += seconds
        return self._env.timeout(ends_at - now + then_s)

    def backlog_s(self) -> float:
        """The seconds until a core is free."""
        return max(self._free_at[0] - self._env.now, 0.0)


def after(event: simpy.Event, seconds: float) -> simpy.Event:
    """An event that happens so much later than another."""
    if not seconds:
        return event
    later = event.env.event()

    def ring(_: object) -> None:
        later.succeed()

    event.callbacks.append(lambda _: event.env.timeout(seconds).callbacks.append(ring))
    return later


class Station:
    """The pods of one service behind a balancer that takes the less busy of ``choices`` at random, 1 or 2.

    Source of the choice: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); Envoy's
    ``LEAST_REQUEST`` does the same. A request that hangs at a silent pod counts as work there, so that the pod soon
    looks busy. A ``sharded`` station is a cluster of primaries: a key has one home, and when that is lost, its replica
    takes over once the loss is noticed.
    """

    def __init__(
        self, env: simpy.Environment, pods: Sequence[Server], random: Random, *, choices: int = 2, sharded: bool = False
    ) -> None:
        self._env = env
        self._random = random
        self._choices = 1 if sharded else choices
        self._hanging: dict[int, float] = {}
        self.pods = list(pods)
        self.sharded = sharded

    def lose(self, lost: ZoneLoss) -> None:
        """Makes the pods of a zone fall silent at a given time; they are left out, or replaced, some time later."""
        for pod in self.pods:
            if pod.zone == lost.zone:
                pod.dies_at = lost.at_s
        self._env.timeout(lost.at_s + lost.notice_s).callbacks.append(lambda _: self._notice(lost))

    def _notice(self, lost: ZoneLoss) -> None:
        if self.sharded:
            for pod in self.pods:
                pod.dies_at = math.inf
        else:
            self.pods = [pod for pod in self.pods if pod.zone != lost.zone]

    def choose(self) -> Server:
        """The pod for one request."""
        if self._choices == 1 or len(self.pods) == 1:
            return self.pods[int(self._random.random() * len(self.pods))]
        first, second = self._random.sample(self.pods, _CHOICES)
        return first if self._backlog_s(first) <= self._backlog_s(second) else second

    def hang(self, pod: Server, seconds: float, attempt_s: float) -> simpy.Event:
        """An event for the end of an attempt at a silent pod."""
        mine = id(pod)
        self._hanging[mine] = self._hanging.get(mine, 0.0) + seconds
        over = self._env.timeout(attempt_s)
        over.callbacks.append(lambda _: self._hanging.update({mine: self._hanging[mine] - seconds}))
        return over

    def _backlog_s(self, pod: Server) -> float:
        return pod.backlog_s() + self._hanging.get(id(pod), 0.0)
