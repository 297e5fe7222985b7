"""The composition root: settings in, a gateway out; and the process that serves it."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from contextlib import closing, suppress
from functools import partial
from typing import Any, NamedTuple

from prometheus_client import REGISTRY
from pydantic import ValidationError

from servekit.audit import AuditError, AuditLossError
from servekit.drift import DriftCollector
from servekit.http_server import DrainingServer
from servekit.telemetry import Telemetry, TelemetrySettings, configure_logging
from shop.artefact import Artefact, ArtefactError
from shop.endpoints import FEEDBACK_PATH, PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.gateway.adapters.cache import CachePolicy, InferenceCache
from shop.gateway.adapters.features import FeatureLookup
from shop.gateway.adapters.inference import ModelCalls, ModelPools
from shop.gateway.adapters.key_file import KeyFile
from shop.gateway.adapters.metrics import OUTCOMES, GatewayMetrics
from shop.gateway.adapters.oversight import Oversight, open_oversight
from shop.gateway.adapters.rates import KeyRates
from shop.gateway.adapters.valkey import Valkey
from shop.gateway.domain.admission import AdaptiveLimit
from shop.gateway.domain.fallback import LastGood, Popular
from shop.gateway.domain.keys import Keys, KeysError, parse_keys
from shop.gateway.domain.versions import OTHER, Versions
from shop.gateway.entrypoints.app import QUIET, Door, GatewayApp, Handler
from shop.gateway.entrypoints.passthrough import ROUTES, PassThrough
from shop.gateway.service.feedback import Feedback
from shop.gateway.service.hops import Hops
from shop.gateway.service.payments import Payments
from shop.gateway.service.recommendations import Recommendations
from shop.gateway.service.search import Search
from shop.gateway.service.upkeep import Readiness, Upkeep
from shop.gateway.settings import GatewaySettings
from shop.serving.logins import read_login

__all__ = ["Gateway", "build", "main"]

_log = logging.getLogger("shop.gateway")
_PAYMENTS_EXTRA = 8


class Gateway(NamedTuple):
    """A wired gateway: the application, who says whether it is ready, and what to close after the last answer."""

    app: GatewayApp
    ready: Readiness
    oversight: Oversight


def build(settings: GatewaySettings, observed: TelemetrySettings, **telemetry: Any) -> Gateway:
    """Wires a gateway; nothing is connected yet.

    Args:
        settings: the gateway's.
        observed: where traces go.
        telemetry: for `Telemetry`, e.g. a test's own registry.

    Raises:
        KeysError: the API keys are not what they should be.
        AuditError: the audit log cannot be continued.
    """
    keys, key_file = _keys(settings)
    watch = Telemetry("shop-gateway", "3", observed, quiet=QUIET, **telemetry)
    versions, oversight = Versions(_loaded(watch, settings)), open_oversight(settings.models_dir)
    metrics = GatewayMetrics(versions, telemetry.get("registry", REGISTRY))
    if oversight.monitors:
        watch.register(DriftCollector(list(oversight.monitors.values())))
    links, versioned = _Links.of(settings), settings.version_choice == "edge"
    calls = ModelCalls(links.models, versions, versioned=versioned, patience_s=settings.deadline_s / 2)
    hops = _hops(settings, links, calls, metrics, oversight)
    limit, ready = AdaptiveLimit(settings), Readiness()
    oversight.watch(watch.metrics)
    ready.conditions.append(oversight.check_ready)
    upkeep = Upkeep(hops, ModelCalls(links.models, versions, versioned=False), limit, ready)
    if key_file is not None:
        upkeep.watched.append(key_file.look)
    passthrough = PassThrough(links.models, versioned=versioned)
    door = Door(limit, keys, _rates(settings, links.cache, metrics), metrics)
    handlers = _handlers(hops)
    _expect(watch, handlers, versions, metrics)
    life = upkeep.start, partial(_close, upkeep, hops, links, watch)
    app = GatewayApp(settings, handlers, passthrough, watch, door=door, ready=ready, life=life)
    return Gateway(app, ready, oversight)


async def _close(upkeep: Upkeep, hops: Hops, links: _Links, watch: Telemetry) -> None:
    await upkeep.stop()
    if hops.cache is not None:
        await hops.cache.close()
    for each in links:
        each.close()
    await asyncio.sleep(0)  # the transports end on the loop's next turn
    watch.shutdown()


def _loaded(watch: Telemetry, settings: GatewaySettings) -> set[str]:
    """Shows and gives the versions there are: the default one, and where artefacts lie beside the gateway, theirs."""
    versions = {settings.version}
    for folder in sorted(settings.models_dir.glob("*/[0-9]*")):
        with suppress(ArtefactError):
            card = Artefact(folder).card()
            watch.metrics.loaded(card.name, card.version, card.sha256)
            versions.add(card.version)
    return versions


def _expect(watch: Telemetry, handlers: dict[str, Handler], versions: Versions, metrics: GatewayMetrics) -> None:
    """Shows as 0 what will be counted, so that the first failures are seen as a rise from there."""

    def expect(version: str) -> None:
        metrics.expect(version)
        for path, handler in handlers.items():
            watch.metrics.expect(path, handler.answer.model, version, timed=version not in {"", OTHER})
        for model in OUTCOMES:
            for route in ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"):
                watch.metrics.expect(route, model, version)

    for path in (*handlers, *ROUTES):
        watch.metrics.expect(path)
    watch.metrics.expect_steps("cache", "lookup", "features", "validate", "infer", "postprocess", "fallback")
    versions.expect = expect
    for version in (*versions.known, OTHER):
        expect(version)


class _Links(NamedTuple):
    """The connections to all that a gateway asks."""

    features: Valkey
    cache: Valkey
    models: ModelPools

    @classmethod
    def of(cls, settings: GatewaySettings) -> _Links:
        return cls(
            Valkey(settings.features_host, settings.features_port, read_login(settings, "features", "gateway")),
            Valkey(settings.cache_host, settings.cache_port, read_login(settings, "cache", "gateway")),
            ModelPools(settings.triton_host, settings.triton_http_port, settings.triton_hosts),
        )


def _hops(
    settings: GatewaySettings, links: _Links, calls: ModelCalls, metrics: GatewayMetrics, oversight: Oversight
) -> Hops:
    return Hops(
        settings,
        FeatureLookup(links.features, settings.item_blocks),
        calls,
        InferenceCache(links.cache, _policy(settings), metrics) if settings.cache else None,
        LastGood(settings.last_good),
        Popular(),
        metrics,
        oversight,
    )


def main() -> int:
    """Serves until told to stop: 0 after a clean stop, 1 with a one-line reason.

    It is 1 when the process cannot start, and when the audit log's last lines could not be written.
    """
    try:
        settings = GatewaySettings(_cli_parse_args=True, _cli_prog_name="python -m shop.gateway", _cli_kebab_case=True)
        observed = TelemetrySettings()
        gateway = build(settings, observed)
        listener = _listen(settings)
    except (KeysError, AuditError, OSError) as error:
        print(f"gateway cannot start: {error}", file=sys.stderr)
        return 1
    except ValidationError as error:
        for problem in error.errors():
            name = f"SHOP_{problem['loc'][0]}".upper()
            print(f"gateway cannot start: {name} {problem['input']}: {problem['msg']}", file=sys.stderr)
        return 1
    configure_logging("shop-gateway", observed.log_level)
    server = DrainingServer(
        gateway.app,
        gateway.ready,
        drain_s=settings.drain_s,
        drain_timeout_s=settings.drain_timeout_s,
        receive_timeout_s=settings.receive_timeout_s,
    )
    _log.info("serving on http://%s:%d", *listener.getsockname())
    try:
        with closing(gateway.oversight), listener:
            server.serve_on(listener)
    except AuditLossError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    return 0


def _handlers(hops: Hops) -> dict[str, Handler]:
    return {
        SEARCH.path: Handler(Search(hops)),
        PAYMENTS.path: Handler(Payments(hops), _PAYMENTS_EXTRA),
        RECOMMENDATIONS.path: Handler(Recommendations(hops)),
        FEEDBACK_PATH: Handler(Feedback(hops.metrics)),
    }


def _keys(settings: GatewaySettings) -> tuple[Keys, KeyFile | None]:
    given, path = settings.api_keys.get_secret_value(), settings.api_keys_file
    if given and path:
        raise KeysError("SHOP_API_KEYS and SHOP_API_KEYS_FILE are both set: expected one of them")
    keys = Keys(parse_keys(given))
    return keys, None if path is None else KeyFile(path, keys)


def _rates(settings: GatewaySettings, store: Valkey, metrics: GatewayMetrics) -> KeyRates:
    patience_s = settings.cache_budget_ms / 1e3
    return KeyRates(store, settings.key_rate, settings.key_burst, patience_s, metrics.rate_missed)


def _policy(settings: GatewaySettings) -> CachePolicy:
    return CachePolicy(
        settings.cache_ttl_s,
        settings.cache_stale_s,
        settings.cache_wait_ms / 1e3,
        settings.cache_budget_ms / 1e3,
        settings.cache_lock_ms / 1e3,
        settings.cache_refreshes,
        settings.deadline_s,
    )


def _listen(settings: GatewaySettings) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.gateway_port))
    except OSError as error:
        listener.close()
        address = f"{settings.host}:{settings.gateway_port}"
        raise OSError(f"{address}: {error.strerror}: free it, or set SHOP_GATEWAY_PORT") from None
    return listener
