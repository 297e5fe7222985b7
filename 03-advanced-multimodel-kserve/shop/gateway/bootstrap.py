"""The composition root: settings in, a gateway out."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client import REGISTRY

from servekit.drift import DriftCollector
from servekit.telemetry import Telemetry
from shop.artefact import Artefact, ArtefactError
from shop.endpoints import FEEDBACK_PATH, PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.gateway.adapters.api_key_file import ApiKeyFile
from shop.gateway.adapters.cache import CachePolicy, InferenceCache
from shop.gateway.adapters.feature_lookup import FeatureLookup
from shop.gateway.adapters.inference import ModelCalls, ModelPools
from shop.gateway.adapters.metrics import OUTCOMES, GatewayMetrics
from shop.gateway.adapters.model_monitor import ModelMonitor, open_model_monitor
from shop.gateway.adapters.rates import KeyRates
from shop.gateway.adapters.valkey import Valkey
from shop.gateway.domain.admission import AdaptiveLimit
from shop.gateway.domain.api_keys import ApiKeys, KeysError, parse_keys
from shop.gateway.domain.fallback import LastGood, Popular
from shop.gateway.domain.versions import OTHER, Versions
from shop.gateway.entrypoints.app import Admission, GatewayApp, Handler
from shop.gateway.entrypoints.health import QUIET
from shop.gateway.entrypoints.passthrough import ROUTES, PassThrough
from shop.gateway.service.collaborators import Collaborators
from shop.gateway.service.feedback import Feedback
from shop.gateway.service.payments import PaymentScoring
from shop.gateway.service.recommendations import Recommendations
from shop.gateway.service.search import Search
from shop.gateway.service.upkeep import Readiness, Upkeep
from shop.serving.logins import read_login

if TYPE_CHECKING:
    from servekit.telemetry import TelemetrySettings
    from shop.gateway.settings import GatewaySettings

__all__ = ["Gateway", "build"]

_PAYMENTS_EXTRA = 8  # places above the limit: a payment that is turned away is a sale lost


class Gateway(NamedTuple):
    """A wired gateway: the application, what says whether it is ready, and what to close after the last answer."""

    app: GatewayApp
    ready: Readiness
    monitor: ModelMonitor


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
    versions = Versions(_loaded(watch, settings))
    metrics = GatewayMetrics(versions, telemetry.get("registry", REGISTRY))
    monitor, ready = open_model_monitor(settings.models_dir, settings.drift_dir), Readiness()
    _connect_monitor(monitor, watch, ready)
    links, limit = _Links.of(settings), AdaptiveLimit(settings)
    collaborators = _collaborators(settings, links, versions, metrics, monitor)
    upkeep = Upkeep(collaborators, ModelCalls(links.models, versions, versioned=False), limit, ready)
    if key_file is not None:
        upkeep.watched.append(key_file.look)
    handlers = _handlers(collaborators)
    _expect(watch, handlers, versions, metrics)
    passthrough = PassThrough(links.models, versioned=settings.version_choice == "edge")
    admission = Admission(limit, keys, _rates(settings, links.cache, metrics), metrics)
    life = upkeep.start, partial(_close, upkeep, collaborators, links, watch)
    app = GatewayApp(settings, handlers, passthrough, watch, admission=admission, ready=ready, life=life)
    return Gateway(app, ready, monitor)


def _connect_monitor(monitor: ModelMonitor, watch: Telemetry, ready: Readiness) -> None:
    """Shows drift and the audit log's state as metrics; a gateway whose log refuses lines is not ready."""
    watch.register(DriftCollector(monitor.drift.values()))  # and of those that come later
    monitor.watch(watch.metrics)
    ready.conditions.append(monitor.check_ready)


async def _close(upkeep: Upkeep, collaborators: Collaborators, links: _Links, watch: Telemetry) -> None:
    await upkeep.stop()
    if collaborators.cache is not None:
        await collaborators.cache.close()
    for each in links:
        each.close()
    await asyncio.sleep(0)  # the transports end on the loop's next turn
    watch.shutdown()


def _loaded(watch: Telemetry, settings: GatewaySettings) -> set[str]:
    """The versions there are, shown as metrics: the default ones, and those of artefacts beside the gateway."""
    versions = {settings.version, *settings.model_versions.values()}
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


def _collaborators(
    settings: GatewaySettings, links: _Links, versions: Versions, metrics: GatewayMetrics, monitor: ModelMonitor
) -> Collaborators:
    versioned = settings.version_choice == "edge"
    return Collaborators(
        settings,
        FeatureLookup(links.features, settings.item_blocks),
        ModelCalls(links.models, versions, versioned=versioned, patience_s=settings.deadline_s / 2),
        InferenceCache(links.cache, _policy(settings), metrics) if settings.cache else None,
        LastGood(settings.last_good),
        Popular(),
        metrics,
        monitor,
    )


def _handlers(collaborators: Collaborators) -> dict[str, Handler]:
    return {
        SEARCH.path: Handler(Search(collaborators)),
        PAYMENTS.path: Handler(PaymentScoring(collaborators), _PAYMENTS_EXTRA),
        RECOMMENDATIONS.path: Handler(Recommendations(collaborators)),
        FEEDBACK_PATH: Handler(Feedback(collaborators.metrics)),
    }


def _keys(settings: GatewaySettings) -> tuple[ApiKeys, ApiKeyFile | None]:
    given, path = settings.api_keys.get_secret_value(), settings.api_keys_file
    if given and path:
        raise KeysError("SHOP_API_KEYS and SHOP_API_KEYS_FILE are both set: expected one of them")
    keys = ApiKeys(parse_keys(given))
    return keys, None if path is None else ApiKeyFile(path, keys)


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
