"""A warmer of the inference cache that gives all answers the same end, lest any of them get old.

The fault of ``waves`` starts it. It ends on SIGTERM, when its standard input ends, or when the cache is gone.
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

__all__ = ["LIFETIME_S", "NAME", "main"]

NAME = "cache-warmer"
"""What Valkey's ``CLIENT LIST`` shows."""

LIFETIME_S = 2.0
"""All answers in the cache end at the next multiple of this."""

_EVERY_S = 0.1


def main() -> None:
    """Sets the lifetimes until it is over."""
    take_over(3, Addresses().run_dir)
    with connect(Addresses(), "cache") as client, suppress(RedisError):
        client.client_setname(NAME)
        while not select.select([sys.stdin], [], [], _EVERY_S)[0]:
            ends_ms = int((time.time() // LIFETIME_S + 1) * LIFETIME_S * 1000)
            with client.pipeline(transaction=False) as pipe:
                for key in client.scan_iter("a:*", count=1000):
                    pipe.pexpireat(key, ends_ms)
                pipe.execute()


if __name__ == "__main__":
    main()
