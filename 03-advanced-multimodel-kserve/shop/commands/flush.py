"""``make flush-3``: empties the inference cache of the level that runs here; the next answers are all computed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from shop.addresses import Addresses
from shop.load.sudden import forget
from workbench.stack import join
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Says that it did; 1 with the reason where the cache does not answer."""
    del argv
    join(3, lambda: Addresses().port, Addresses().run_dir)
    try:
        forget(Addresses())
    except (RedisError, OSError) as error:
        say(f"error: cache: {error}: is level 3 up?", stderr=True)
        return 1
    say("the cache is empty")
    return 0


if __name__ == "__main__":
    sys.exit(main())
