"""The level's Triton and its two stores on free ports, for a measurement of its own: nothing that runs is disturbed."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.addresses import Addresses
from shop.serving.feature_loader import load
from shop.serving.feature_set import FeatureSet
from shop.serving.repository import write_repository
from shop.serving.stores import ValkeyReady, cache_command, connect, features_command
from workbench.bench import free_ports
from workbench.processes import running
from workbench.stack import HttpReady

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import psutil

__all__ = ["PrivateStack", "private_stack"]

_WITHIN_S = 90


@dataclass(frozen=True)
class PrivateStack:
    """The stack's addresses and its processes."""

    addresses: Addresses
    triton: psutil.Popen
    features: psutil.Popen
    cache: psutil.Popen

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables for processes that use this stack."""
        return _environment(self.addresses)


@contextmanager
def private_stack(folder: Path) -> Iterator[PrivateStack]:
    """Runs it on the artefacts of ``SHOP_RUN_DIR``, with ``folder`` as its own run folder.

    Raises:
        ArtefactError, FeatureSetError: what training leaves is not there.
        RuntimeError: a process does not become ready.
    """
    source = Addresses()
    names = ("triton_http", "triton_grpc", "triton_metrics", "features", "cache")
    ports = dict(zip((f"{name}_port" for name in names), free_ports(len(names)), strict=True))
    addresses = source.model_copy(update={"run_dir": folder, **ports})
    for name in ("models", "features"):
        (folder / name).symlink_to((source.run_dir / name).resolve())
    write_repository(addresses.models_dir, folder / "triton" / "repository")
    with ExitStack() as stack:
        features, cache, triton = (
            stack.enter_context(running(command, _environment(addresses), subprocess.DEVNULL))
            for command in (
                features_command(addresses),
                cache_command(addresses, "256mb"),
                [sys.executable, "-m", "shop.serving.triton"],
            )
        )
        _await(lambda: _ready(addresses), "Triton and the stores")
        load(connect(addresses, "features", "loader"), FeatureSet(addresses.features_dir))
        yield PrivateStack(addresses, triton, features, cache)


def _environment(addresses: Addresses) -> dict[str, str]:
    fields = ("run_dir", "triton_http_port", "triton_grpc_port", "triton_metrics_port", "features_port", "cache_port")
    return {f"SHOP_{name.upper()}": str(getattr(addresses, name)) for name in fields}


def _ready(addresses: Addresses) -> bool:
    url = f"http://127.0.0.1:{addresses.triton_http_port}/v2/health/ready"
    stores = (ValkeyReady(addresses, "features"), ValkeyReady(addresses, "cache"))
    return all(each.missing() is None for each in (*stores, HttpReady(url)))


def _await(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not ready within {_WITHIN_S} s")
        time.sleep(0.1)
