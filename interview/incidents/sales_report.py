"""A report that counts active people in the feature store, in one script, again and again.

The fault of ``fallbacks`` starts it. Valkey does one thing at a time: a script of 60 ms holds up all else as long. It
ends on SIGTERM, when its standard input ends, or when the store is gone.
"""

from __future__ import annotations

import select
import sys
import time
from contextlib import suppress

from redis.exceptions import RedisError

from shop.addresses import Addresses
from shop.serving.stores import connect
from workbench.stack import take_over

__all__ = ["NAME", "main"]

NAME = "sales-report"
"""What Valkey's ``CLIENT LIST`` shows."""

_LONG_S, _PAUSE_S = 0.06, 0.12
_COUNT_ACTIVE = """
local active = 0
for row = 1, tonumber(ARGV[1]) do
  if redis.call('EXISTS', 'u:' .. (row % 1000)) == 1 then active = active + 1 end
end
return active
"""


def main() -> None:
    """Counts until it is over; as many rows at a time as take 60 ms on this machine."""
    take_over(3, Addresses().run_dir)
    rows = 1_000
    with connect(Addresses(), "features") as client, suppress(RedisError):
        client.client_setname(NAME)
        while not select.select([sys.stdin], [], [], _PAUSE_S)[0]:
            begun = time.monotonic()
            client.eval(_COUNT_ACTIVE, 0, rows)
            took_s = max(time.monotonic() - begun, 1e-4)
            rows = min(max(int(rows * _LONG_S / took_s), rows // 2), rows * 10)


if __name__ == "__main__":
    main()
