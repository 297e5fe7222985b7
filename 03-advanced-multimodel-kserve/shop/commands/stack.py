"""``make up-3``, ``down-3``, ``status-3``, ``logs-3``: stores, feature loader, Triton, gateways and edge.

``up`` writes Triton's repository from the artefacts first; every process is ready when it has done real work: Valkey
answers, the features are loaded, Triton has computed each model's warm-up, the gateways and the edge have predicted.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from shop.addresses import Addresses
from shop.artefact import ArtefactError
from shop.commands.serving import resolve_models
from shop.serving.envoy.settings import EdgeSettings
from shop.serving.feature_set import FeatureSetError, read_manifest
from shop.serving.repository import write_repository
from shop.serving.settings import StoreSettings, TritonSettings
from shop.serving.stores import FeaturesReady, ValkeyReady, cache_command, features_command
from shop.serving.triton import TritonError, environment
from workbench.environment import OBSERVED
from workbench.registry import RegistryError, RegistrySettings
from workbench.stack import HttpReady, Process, Stack, StackError, is_secret, main, remember
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["stack"]

_HOSTS = ("SHOP_HOST", "ASSISTANT_HOST")
_OF_A_GATEWAY = ("SHOP_API_KEYS", "AUDIT_*", *OBSERVED)


def stack(*, renew: bool) -> Stack:
    """The level's processes, in the order of their dependence.

    Args:
        renew: write Triton's repository anew; else leave what was served last as it is.

    Raises:
        StackError: a model or the features are missing or damaged, or a program is not installed.
    """
    addresses, run_dir = Addresses(), Addresses().run_dir.resolve()
    try:
        if renew:
            environment(TritonSettings())
            resolve_models(addresses, RegistrySettings(), say)
            repository = run_dir / "triton" / "repository"
            write_repository(addresses.models_dir, repository, shards=TritonSettings().shards)
        generation = read_manifest(addresses.features_dir).generation if renew else _last_generation(addresses)
        stores = _stores(addresses, generation)
    except (ArtefactError, FeatureSetError, TritonError, RegistryError, FileNotFoundError) as error:
        raise StackError(str(error)) from None
    edge = EdgeSettings()
    gateways = [_gateway(addresses, number, run_dir) for number in range(addresses.gateways)]
    extras = _extras(addresses, check=renew)
    processes = [*stores, _triton(addresses), *gateways, *extras, _edge(addresses)]
    return Stack(
        3,
        processes,
        run_dir,
        ready_timeout_s=120,
        entrypoint="envoy",
        metrics="gateway-0",
        prefix="SHOP_",
        scrape=_scraped(addresses, extras),
        hosts={"SHOP_EDGE_HOST": edge.host} | {name: os.environ.get(name, "127.0.0.1") for name in _HOSTS},
        keys="SHOP_API_KEYS",
        guarded=any(os.environ.get(name) for name in ("SHOP_API_KEYS", "SHOP_API_KEYS_FILE")),
    )


def _scraped(addresses: Addresses, extras: Iterable[Process]) -> dict[str, list[int]]:
    http = [process.ports["http"] for process in extras if process.ports]
    return {
        "gateway": [addresses.gateway_port + number for number in range(addresses.gateways)],
        "triton": [addresses.triton_metrics_port],
        "envoy": [addresses.envoy_admin_port],
        **({"assistant": http} if http else {}),
    }


def _stores(addresses: Addresses, generation: str) -> list[Process]:
    return [
        Process(
            "features",
            features_command(addresses),
            ValkeyReady(addresses, "features"),
            ports={"valkey": addresses.features_port},
            inherits=(),
        ),
        Process(
            "cache",
            cache_command(addresses, StoreSettings().cache_memory),
            ValkeyReady(addresses, "cache"),
            ports={"valkey": addresses.cache_port},
            inherits=(),
        ),
        Process(
            "feature-loader",
            _module("shop.serving.feature_loader"),
            FeaturesReady(addresses, generation),
            environment=_chosen(),
            inherits=("TELEMETRY_*",),
        ),
    ]


def _triton(addresses: Addresses) -> Process:
    http = addresses.triton_http_port
    return Process(
        "triton",
        _module("shop.serving.triton"),
        HttpReady(f"http://127.0.0.1:{http}/v2/health/ready"),
        ports={"http": http, "grpc": addresses.triton_grpc_port, "metrics": addresses.triton_metrics_port},
        environment=_chosen(),
        inherits=("CUDA_*", "NVIDIA_*"),
        # its Python backend may abort as it starts, with boost's lock_exception: triton-inference-server/server#8882
        retries=2,
    )


def _gateway(addresses: Addresses, number: int, run_dir: Path) -> Process:
    port = addresses.gateway_port + number
    return Process(
        f"gateway-{number}",
        _module("shop.gateway"),
        HttpReady(f"http://127.0.0.1:{port}/readyz"),
        ports={"http": port},
        environment=_chosen()
        | {
            "SHOP_GATEWAY_PORT": str(port),
            "TELEMETRY_TRACE_FILE": str(run_dir / "traces.jsonl"),
            "TELEMETRY_TRACE_RATIO": os.environ.get("TELEMETRY_TRACE_RATIO", "0.1"),  # a short run is to leave enough
            "AUDIT_DIR": str(run_dir / "audit"),
            "SHOP_DRIFT_DIR": str(run_dir / "drift"),
        },
        inherits=_OF_A_GATEWAY,
    )


def _extras(addresses: Addresses, *, check: bool) -> list[Process]:
    """What runs beside the models, if anything."""
    if not addresses.extras:
        return []
    from assistant.processes import assistant_processes  # noqa: PLC0415 - who runs level 3 alone needs nothing of it

    return assistant_processes(addresses, _chosen(), check=check)


def _edge(addresses: Addresses) -> Process:
    """The gateways' readiness, as clients see it."""
    return Process(
        "envoy",
        _module("shop.serving.envoy"),
        HttpReady(f"http://127.0.0.1:{addresses.port}/readyz"),
        ports={"http": addresses.port, "admin": addresses.envoy_admin_port},
        environment=_chosen(),
        inherits=(),
    )


def _chosen() -> dict[str, str]:
    """Settings that this shell makes: part of the configuration, so that ``up`` starts a level anew when they change.

    Not the keys of `SHOP_API_KEYS`, which reach the gateways and nobody else, unwritten.
    """
    mine = {name: value for name, value in sorted(os.environ.items()) if name.upper().startswith("SHOP_")}
    return {name: value for name, value in mine.items() if not is_secret(name.upper())}


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _last_generation(addresses: Addresses) -> str:
    """The level as it was last started: it can be stopped whatever has become of the artefacts."""
    try:
        return read_manifest(addresses.features_dir).generation
    except FeatureSetError:
        return ""


if __name__ == "__main__":
    remember(3, sys.argv[1:], Addresses().run_dir)
    try:
        sys.exit(main(stack(renew="up" in sys.argv[1:2])))
    except StackError as problem:
        sys.exit(f"error: {problem}")
