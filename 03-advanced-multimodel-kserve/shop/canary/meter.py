"""Reads every gateway's metrics and counts what was added since."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from servekit.http_ask import ask
from shop.canary.errors import CanaryError
from shop.canary.reading import Counters, Reading, increase, parse, readings, total

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["GatewayMeter"]


class GatewayMeter:
    """Counts one model's answers over all gateway processes.

    A gateway that does not answer counts with its last answer, so that restarting one does not end a rollout.

    Args:
        model: whose answers.
        urls: each gateway's ``/metrics``.
        read: the counters of such a text.
    """

    def __init__(self, model: str, urls: Sequence[str], read: Callable[[str], Counters] = parse) -> None:
        self._model, self._urls, self._parse = model, urls, read
        self._before: dict[str, Counters] = {}
        self._last: dict[str, Counters] = {}

    def restart(self) -> None:
        """Count from now on.

        Raises:
            CanaryError: no gateway answers.
        """
        self._scrape()
        self._before = dict(self._last)

    def read(self) -> Mapping[str, Reading]:
        """What each version answered since the last restart.

        Raises:
            CanaryError: no gateway answers.
        """
        self._scrape()
        added = (increase(self._before.get(url, {}), counters) for url, counters in self._last.items())
        return readings(total(added), self._model)

    def _scrape(self) -> None:
        seen = {}
        for url in self._urls:
            try:
                answer = ask(url, 5)
            except OSError:
                continue
            if answer.status == HTTPStatus.OK:
                seen[url] = self._parse(answer.body.decode())
        if not seen:
            raise CanaryError(f"gateways {', '.join(self._urls)}: none answers: run make up-3")
        self._last |= seen
