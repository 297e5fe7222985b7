"""The load as Locust runs it: each Locust user is an open-loop stream of Poisson arrivals.

Locust itself is closed-loop: its user waits for an answer before it sends again, so a stalled server is simply asked
less and its tail is never seen (Tene, "How NOT to Measure Latency", 2013: coordinated omission). Here a request
starts at its intended time whatever became of the ones before, and its latency counts from that time.

Importing this module imports Locust, which patches the standard library: only a load process may.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import gevent
from locust import User, events, task
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from workbench.arguments import count, not_negative, positive
from workbench.load import Phase, Send, arrivals, describe_outcome, encode, open_loop
from workbench.sla.greenlets import GreenletEngine
from workbench.sla.judge import judge
from workbench.sla.recorder import Recorder
from workbench.sla.samples import read_samples
from workbench.sla.scenario import load_scenario
from workbench.sla.settings import load_sla

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from workbench.load import Answer, Request

_PATH: Final = Path(os.environ["SERVEKIT_SLA_FILE"])
_FOLDER: Final = Path(os.environ["SERVEKIT_SLA_FOLDER"])
_FLUSH_S: Final = 0.25

sla = load_sla(_PATH)
scenario = load_scenario(sla.scenario, _PATH.parent)
recorder = Recorder(_FOLDER)
_KINDS: Final = tuple(sla.mix)
_events: Any = events  # Locust types neither its hooks nor, for their sake, the environment they are given


class ArrivalStream(User):
    """One Poisson stream of the mix; it ends by itself after warm-up and duration unless a person watches."""

    host = os.environ.get("SERVEKIT_SLA_URL", sla.server.url)
    seed = os.environ.get("SERVEKIT_SLA_SEED", str(sla.generator.seed))

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        options = environment.parsed_options
        seconds = options.warmup + options.duration if options.bounded else float("inf")
        self._phase = Phase(options.rate / max(options.sla_streams, 1), seconds)
        # Streams of one run differ, and the same stream of two runs is the same.
        stream = f"{self.seed}/{environment.runner.worker_index}/{len(environment.runner.user_greenlets)}"
        self._random = Random(stream)  # noqa: S311 - a load pattern, not a secret
        # Drawn from as answers come, so apart: arrivals and payloads must not depend on the server's pace.
        self._draw = Random(f"{stream}/checked")  # noqa: S311 - likewise

    @task
    def stream(self) -> None:
        """Send until the end or until Locust stops the test, then wait for what is in flight."""
        limits = sla.generator
        with GreenletEngine(self.host, connections=limits.connections, timeout_s=limits.timeout_s) as engine:
            open_loop(engine, self._sends(engine.host), stop=lambda: self._state == "stopping")
            engine.drain()
        recorder.total.streams_done += 1
        raise StopUser

    def _sends(self, host: str) -> Iterator[Send]:
        weights = list(accumulate(sla.mix.values()))
        for at_s in arrivals([self._phase], self._random):
            kind = self._random.choices(range(len(_KINDS)), cum_weights=weights)[0]
            request = scenario.request(_KINDS[kind], self._random)
            yield Send(at_s, encode(request, host), partial(self._heard, kind, request))

    def _heard(self, kind: int, request: Request, answer: Answer) -> None:
        times_s = answer.at_s, answer.latency_s, answer.lag_s
        recorder.record(times_s, len(answer.body), kind, answer.outcome)
        self._tell_locust(kind, request, answer)
        if answer.outcome == 0 and self._draw.random() < sla.generator.check_ratio:
            recorder.keep(_KINDS[kind], request, answer.body)

    def _tell_locust(self, kind: int, request: Request, answer: Answer) -> None:
        self.environment.events.request.fire(
            request_type=request.method,
            name=_KINDS[kind],
            response_time=answer.latency_s * 1e3,
            response_length=len(answer.body),
            exception=ConnectionError(describe_outcome(answer.outcome)) if answer.outcome else None,
            context={},
        )


def add_options(parser: ArgumentParser) -> None:
    """The SLA's figures are the defaults of Locust's options."""
    parser.add_argument("--rate", type=positive, default=sla.rate_rps, help="requests per second, all users together")
    parser.add_argument("--warmup", type=not_negative, default=sla.warmup_s, help="seconds sent but not judged")
    parser.add_argument("--duration", type=positive, default=sla.duration_s, help="seconds judged")
    hidden: dict[str, Any] = {"include_in_web_ui": False}
    parser.add_argument("--bounded", action="store_true", help="quit after warm-up and duration", **hidden)
    parser.add_argument("--sla-streams", type=count, default=1, help="set by the master", **hidden)


def join_up(environment: Any, **_: object) -> None:
    """Connect the recorder: a worker reports to the master, every other process writes and ends the run."""
    environment.stop_timeout = sla.generator.timeout_s + 2
    if isinstance(environment.runner, WorkerRunner):
        _events.report_to_master.add_listener(lambda data, **_: recorder.ship(data))
        return
    if isinstance(environment.runner, MasterRunner):
        _events.worker_report.add_listener(lambda data, **_: recorder.receive(data))
    gevent.spawn(_write, environment)


def begin(environment: Any, **_: object) -> None:
    """Divide the rate among as many streams as Locust was told to start."""
    if isinstance(environment.runner, WorkerRunner):
        return
    options = environment.parsed_options
    options.sla_streams = options.num_users or 1
    options.bounded = options.bounded or options.headless
    recorder.start()


def check_answers(**_: object) -> None:
    """The load is over: now there is time to compare answers."""
    recorder.check(scenario)


def set_exit_code(environment: Any, **_: object) -> None:
    """Locust exits 0 whatever the latency; here the SLA decides, unless a person decided when to stop."""
    if isinstance(environment.runner, WorkerRunner):
        return
    recorder.save()
    options = environment.parsed_options
    if options.bounded:
        window = (options.warmup, options.duration)
        judged = judge(sla, options.rate, window, read_samples(_FOLDER / "samples.bin"), recorder.total.answers)
        environment.process_exit_code = judged.exit_code


def write_the_rest(**_: object) -> None:
    """A run cut short delivers its last samples while it quits."""
    recorder.save()


def _write(environment: Any) -> None:
    while True:
        gevent.sleep(_FLUSH_S)
        recorder.flush()
        options = environment.parsed_options
        if options.headless and recorder.total.streams_done >= options.sla_streams:
            environment.runner.quit()
            return


def connect() -> None:
    """Register everything with Locust."""
    _events.init_command_line_parser.add_listener(add_options)
    _events.init.add_listener(join_up)
    _events.test_start.add_listener(begin)
    _events.test_stop.add_listener(check_answers)
    _events.quitting.add_listener(set_exit_code)
    _events.quit.add_listener(write_the_rest)
