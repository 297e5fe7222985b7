"""One engine that asks HTTP servers, for every command that needs load; what it promises is said here, once.

- **Open loop.** A request has an intended start, an offset in seconds from the start of its `Engine`. It is sent then,
  whatever became of the requests before it, and its latency counts from then, however late it was sent: how late
  (``lag_s``) is part of its `Answer`. `arrivals` draws intended starts, `open_loop` keeps to them.
- **Every request is answered once**, also those that got no answer: their status is a `Failure`. None is left out.
- **No request takes longer than the time-out**, which counts from the intended start, too. At most as many are under
  way as there may be connections; the others wait for their turn, and that time is the server's doing.
- **One answer is never taken for another**: a connection on which anything came unasked, or after an answer's end, is
  closed. A request whose connection the server closed while it was idle is sent once more (RFC 9112, 9.3.1).

The engine is one thread's loop over a selector. It is no task of asyncio's and no greenlet, so it runs anywhere: in a
process or thread of its own or, by one overridden method, among Locust's greenlets (`workbench.sla.greenlets`). What
is peculiar to a caller (checking answers, replaying what was recorded, another user each time) is in the requests that
it gives, and in what it does with the answers. Why it is so: ``adr-one-engine.md``.
"""

from __future__ import annotations

from workbench.load.answer import Answer, Failure, describe_outcome
from workbench.load.engine import Engine, Heard
from workbench.load.open_loop import Send, open_loop
from workbench.load.request import Request, encode
from workbench.load.schedule import Phase, arrivals

__all__ = [
    "Answer",
    "Engine",
    "Failure",
    "Heard",
    "Phase",
    "Request",
    "Send",
    "arrivals",
    "describe_outcome",
    "encode",
    "open_loop",
]
