"""Ten thousand answers expire at once, and two processes want all of them: each is computed once."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from shop.gateway.domain.entry import CachedEntry, Entry, dump
from tests.patience import until

if TYPE_CHECKING:
    from tests.integration.shop.gateway.conftest import Store

KEYS = 10_000
WORKER = "tests.integration.shop.gateway.stampede_worker"


@pytest.mark.slow
def test_no_stampede_when_ten_thousand_answers_expire(stores: tuple[Store, Store]) -> None:
    cache = stores[1]
    with cache.client as client:
        client.flushall()
        pipe = client.pipeline(transaction=False)
        for number in range(KEYS):
            old = dump(CachedEntry(time.time() - 1, Entry("1", b'{"id":0,"score":0}')))
            pipe.set(f"a:{number}", old, px=1)
        pipe.execute()
        until(lambda: client.get("a:0") is None and client.get(f"a:{KEYS - 1}") is None, "expired")
        command = [sys.executable, "-m", WORKER, str(cache.port), str(KEYS)]
        workers = [subprocess.Popen(command) for _ in range(2)]
        assert [worker.wait(90) for worker in workers] == [0, 0]
        computed = client.hgetall("computed")
    assert len(computed) == KEYS
    assert set(computed.values()) == {b"1"}
