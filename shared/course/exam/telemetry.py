"""The parts of an exam that look at what a level tells of itself: metrics, traces, logs, audit."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from course.exam.examined import ShortfallError, demand
from servekit.audit import verify
from servekit.http_ask import ask
from workbench.observe.events import flatten, log_files
from workbench.observe.spans import read_spans, trace_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    import httpx

    from course.exam.examined import Examined
    from workbench.observe.spans import Span

    Ask = Callable[[Mapping[str, str]], httpx.Response]
    """Sends one right request with these headers besides its own."""

__all__ = ["Metrics", "judge_audit", "judge_log_files", "judge_logs", "judge_trace"]

_OK: Final = 200
_POLL_S: Final = 0.05
_LATE: Final = timedelta(minutes=2)
_FIELDS: Final = ("@timestamp", "log.level", "message", "ecs.version", "http.route", "event.duration")


class Metrics:
    """The samples of a level at one moment, the same series of several processes added up.

    Raises:
        ShortfallError: an address does not answer with metrics.
    """

    def __init__(self, examined: Examined) -> None:
        self._samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = defaultdict(float)
        for url in examined.metrics:
            try:
                answer = ask(url, 5)
            except OSError as error:
                raise ShortfallError(f"{url}: {error}") from None
            demand(answer.status == _OK, f"{url}: answers {answer.status}")
            for family in text_string_to_metric_families(answer.body.decode()):
                for sample in family.samples:
                    self._samples[sample.name, frozenset(sample.labels.items())] += sample.value

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series of that name that have these labels."""
        wanted = set(labels.items())
        return sum(value for (each, has), value in self._samples.items() if each == name and wanted <= has)

    def has(self, name: str, **labels: str) -> bool:
        """Whether there is such a series."""
        wanted = set(labels.items())
        return any(each == name and wanted <= has for each, has in self._samples)

    def demand_rise(self, before: Metrics, least: float, name: str, **labels: str) -> None:
        """Raises `ShortfallError` unless a counter rose by that much since then."""
        shown = name + ("{" + ", ".join(f"{key}={value}" for key, value in labels.items()) + "}" if labels else "")
        demand(self.has(name, **labels), f"no metric {shown}")
        rise = self.total(name, **labels) - before.total(name, **labels)
        demand(rise >= least, f"{shown} rose by {rise:g}, expected {least:g}")


def judge_trace(examined: Examined, ask_with: Ask, spans: Collection[str]) -> str:
    """Sends a request that belongs to a trace, and finds its spans in the level's files.

    Args:
        examined: a level of this folder.
        ask_with: sends a right request.
        spans: the names of spans that must be there.

    Raises:
        ShortfallError: the level began another trace, a span is missing, or a child outlasts its trace.
    """
    draw = examined.draw("trace")
    trace, parent = f"{draw.getrandbits(127) | 1:032x}", f"{draw.getrandbits(63) | 1:016x}"
    answer = ask_with({"traceparent": f"00-{trace}-{parent}-01"})
    demand(answer.status_code == _OK, f"a request with a traceparent is answered {answer.status_code}")
    said = answer.headers.get("x-trace-id", "none")
    demand(said == trace, f"sent the trace {trace[:8]}…, the answer names {said[:8]}: the traceparent is lost")
    found = _wait(examined, lambda: _whole(_spans(examined, trace), spans)) or _spans(examined, trace)
    names = {each.name for each in found}
    missing = sorted(set(spans) - names)
    demand(not missing, f"no span {', '.join(missing)} in the trace; there are {', '.join(sorted(names)) or 'none'}")
    demand(any(each.parent_span_id == parent for each in found), "no span names the caller's span as its parent")
    return f"one trace with {len(found)} spans: {', '.join(sorted(names))}"


def _whole(found: list[Span], spans: Collection[str]) -> list[Span]:
    return found if {each.name for each in found} >= set(spans) else []


def _spans(examined: Examined, trace: str) -> list[Span]:
    paths = [path for path in trace_files(examined.home) if path.is_file()]
    return [span for span in read_spans(*paths) if span.trace_id == trace]


def judge_logs(
    examined: Examined, ask_with: Ask, secret: str, read: Callable[[], Mapping[str, bytes]], where: object
) -> str:
    """Sends a request, and finds its line in the level's logs.

    Args:
        examined: the level.
        ask_with: sends a right request whose body has ``secret`` in it.
        secret: what no log may hold.
        read: gives the logs, by name.
        where: they are, in words.

    Raises:
        ShortfallError: there is no line with the answer's trace id, a field is missing, or the body is in a log.
    """
    answer = ask_with({})
    trace = answer.headers.get("x-trace-id", "")
    demand(trace, "the answer has no x-trace-id that a line could be found by")
    line = _wait(examined, lambda: next(_lines(read().values(), trace), None))
    if line is None:
        raise ShortfallError(f"no JSON line with trace.id {trace[:8]}… in {where} within {examined.written_s:g} s")
    missing = [name for name in _FIELDS if line.get(name) in (None, "")]
    demand(not missing, f"the request's line lacks {', '.join(missing)}")
    status = line.get("http.response.status_code")
    demand(status == answer.status_code, f"the line says {status}, the caller got {answer.status_code}")
    age = datetime.now(UTC) - datetime.fromisoformat(str(line["@timestamp"]))
    demand(abs(age) < _LATE, f"the line's time is {line['@timestamp']}: not the time of the request")
    held = [name for name, text in read().items() if secret.encode() in text]
    demand(not held, f"{', '.join(held)} holds what the request's body said")
    return f"one ECS line for the request, found by its trace id: {line['message']}"


def judge_log_files(examined: Examined, ask_with: Ask, secret: str) -> str:
    """The same as `judge_logs`, for a level of this folder."""
    home = examined.home
    return judge_logs(
        examined, ask_with, secret, lambda: {path.name: path.read_bytes() for path in log_files(home)}, home / "logs"
    )


def _lines(texts: Iterable[bytes], trace: str) -> Iterator[dict[str, Any]]:
    wanted = trace.encode()
    for text in texts:
        for raw in text.splitlines():
            if wanted in raw:
                try:
                    record = msgspec.json.decode(raw)
                except msgspec.DecodeError:
                    continue
                if isinstance(record, dict) and flatten(record).get("trace.id") == trace:
                    yield flatten(record)


def judge_audit(examined: Examined, ask_with: Ask) -> str:
    """Sends a request, finds it in the audit log, and verifies the whole log.

    Raises:
        ShortfallError: the request is not there, or a line was changed, dropped or reordered.
        AuditError: there is no audit log.
    """
    folder = examined.home / "audit"
    answer = ask_with({})
    trace = answer.headers.get("x-trace-id", "").encode()
    demand(trace, "the answer has no x-trace-id that a line could be found by")
    found = _wait(examined, lambda: any(trace in path.read_bytes() for path in folder.glob("*.jsonl")))
    demand(found, f"no line of the audit log in {folder} names the request within {examined.written_s:g} s")
    report = verify(folder)
    problems = [str(problem) for problem in report.problems]
    demand(not problems, f"the audit log is not intact: {'; '.join(problems[:2])}")
    return f"the request is in the log, and all {sum(f.lines for c in report.chains for f in c.files)} lines are intact"


def _wait(examined: Examined, found: Callable[[], Any]) -> Any:
    until = time.monotonic() + examined.written_s
    while not (seen := found()) and time.monotonic() < until:
        time.sleep(_POLL_S)
    return seen
