"""The assistant as the subject of a canary: ``make canary-3 MODEL=assistant``.

The candidate is started beside the stable version, which answers on, and stopped again unless it was promoted.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import assistant
from assistant.canary.counters import parse_chat
from assistant.canary.gate import open_gate
from assistant.canary.replay import questions_replayed
from assistant.canary.versions import CANDIDATE, candidate_settings, read_versions, write_versions
from assistant.load.promise import read_promise
from assistant.load.quality import questions
from assistant.settings import socket_path
from assistant.weights import WeightsError, find_weights
from shop.canary.errors import CanaryError
from shop.canary.meter import GatewayMeter
from shop.canary.subject import Habits
from shop.commands.stack import stack
from shop.endpoints import CHAT
from workbench.stack import StackError, hand_over

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from rich.console import Console

    from shop.addresses import Addresses
    from shop.canary.subject import GateResult
    from shop.serving.envoy.splits import Split

__all__ = ["AssistantSubject"]

_PROMISE: Final = Path(assistant.__file__ or "").with_name("sla.toml")


class AssistantSubject:
    """Two versions of the assistant, each an engine and a gateway of its own.

    Args:
        addresses: the level's.
        console: shows how the candidate gets ready.
        most: questions of the quality set that are asked.
    """

    # two answers a second are a busy assistant: a share of 1 % would be one in 50 s, and a margin of 0.1 % an hour
    habits = Habits(
        steps=(10, 50, 100),
        min_requests=40,
        step_s=300.0,
        quiet_s=30.0,
        error_margin=0.05,
        rated=False,
        names={"p99": "first token p99", "degraded": "refused", "score drift": "", "online quality": ""},
    )

    def __init__(self, addresses: Addresses, console: Console, most: int | None = None) -> None:
        self._addresses, self._console = addresses, console
        self._questions = questions(read_promise(_PROMISE).load.answer_tokens)[:most]

    def make_ready(self, split: Split, *, anew: bool) -> None:
        """Starts the candidate that ``ASSISTANT_CANDIDATE_…`` describes; if ``anew``, in the place of what stood by.

        Raises:
            CanaryError: nothing describes one and none runs, it has traffic already, or it cannot be started.
        """
        candidate, settings, running = split.candidate, candidate_settings(), read_versions(self._addresses)
        if candidate in running and (not anew or settings in ({}, running[candidate])):
            return
        if not settings:
            raise CanaryError(
                f"candidate {candidate} of assistant: does not run, expected what it differs in: "
                f"{CANDIDATE}MODEL=FILE.gguf, or another setting with {CANDIDATE} for ASSISTANT_"
            )
        if split.weight:
            raise CanaryError(f"candidate {candidate} of assistant: has {split.weight}%, expected 0 before another")
        try:
            find_weights(settings.get("ASSISTANT_MODEL", os.environ.get("ASSISTANT_MODEL", "")))
        except WeightsError as error:
            raise CanaryError(str(error)) from None
        self.retire(candidate)
        self._run({**read_versions(self._addresses), candidate: settings})

    def retire(self, candidate: str) -> None:
        """Stops the candidate's processes, if it has any; what they are answering they answer to its end."""
        running = read_versions(self._addresses)
        if candidate in running:
            self._run({version: settings for version, settings in running.items() if version != candidate})

    def gate(self, split: Split) -> GateResult:
        """Asks both versions the quality set, directly.

        Raises:
            CanaryError: an engine is not there, or there are no facts to check answers by.
        """
        run_dir = self._addresses.run_dir
        sockets = socket_path(run_dir, split.stable), socket_path(run_dir, split.candidate)
        self._console.print(f"gate: {len(self._questions)} questions to each version", style="dim")
        try:
            return open_gate(sockets, self._addresses.features_dir, self._questions, read_promise(_PROMISE).right)
        except OSError as error:
            raise CanaryError(f"gate of assistant: {error}: run make up-3 WITH=assistant") from None

    def meter(self) -> GatewayMeter:
        """Reads both versions' metrics."""
        ports = self._addresses.assistant_port, self._addresses.assistant_2_port
        return GatewayMeter(CHAT.model, [f"http://127.0.0.1:{port}/metrics" for port in ports], parse_chat)

    def replay(self, rate_rps: float) -> AbstractContextManager[None]:
        """Asks the questions of the quality set through the edge."""
        return questions_replayed(f"http://127.0.0.1:{self._addresses.port}", rate_rps, self._questions)

    def registered(self, _: str) -> None:
        """Nothing: the registry knows the weights' digest from no training; the audit log has what was decided."""

    def _run(self, versions: Mapping[str, Mapping[str, str]]) -> None:
        """Has these versions run, and no other; what runs already is not disturbed.

        Raises:
            CanaryError: a version cannot be started; the others go on.
        """
        before = read_versions(self._addresses)
        old = stack(renew=False)
        write_versions(self._addresses, versions)
        try:
            hand_over(old, stack(renew=False), lambda: None, self._console)
        except BaseException as error:
            write_versions(self._addresses, before)
            if isinstance(error, StackError):
                raise CanaryError(f"versions of assistant: {error}") from None
            raise
