"""The composition root: settings in, an assistant out."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client import REGISTRY

from assistant.adapters.engine import EngineLink
from assistant.adapters.facts import ItemFacts
from assistant.adapters.metrics import ChatMetrics, EngineCollector
from assistant.adapters.spans import ChatSpans
from assistant.adapters.upstream import UpstreamLink
from assistant.domain.admission import TokenAdmission, TokenBudgets
from assistant.entrypoints.app import CHAT, QUIET, AssistantApp, AssistantReady
from assistant.service.chat import Chat
from assistant.service.warmth import Warmth
from assistant.settings import socket_path
from assistant.weights import model_name
from servekit.telemetry import Telemetry
from shop.gateway.adapters.valkey import Valkey
from shop.gateway.domain.api_keys import ApiKeys, parse_keys
from shop.serving.logins import read_login

if TYPE_CHECKING:
    from assistant.adapters.engine import Link
    from assistant.settings import AssistantSettings
    from servekit.telemetry import TelemetrySettings
    from shop.addresses import Addresses

__all__ = ["Assistant", "build_assistant"]


class Assistant(NamedTuple):
    """A wired assistant: the application, and what says whether it is ready."""

    app: AssistantApp
    ready: AssistantReady


def build_assistant(
    settings: AssistantSettings, addresses: Addresses, observed: TelemetrySettings, **telemetry: Any
) -> Assistant:
    """Wires an assistant; nothing is connected yet.

    Raises:
        KeysError: the API keys are not what they should be.
        OSError: the feature store's password may not be read.
    """
    # a level of its own: level 3's promise of 50 ms says nothing of answers that take seconds
    watch = Telemetry("assistant", "assistant", observed, quiet=QUIET, **telemetry)
    model = settings.upstream_model or model_name(settings.model)
    link = _link(settings, addresses, model)
    store = Valkey(settings.features_host, addresses.features_port, read_login(addresses, "features", "gateway"))
    admission = TokenAdmission(settings.room_tokens, settings.first_token_s, settings.prefill_rate, monotonic)
    metrics = ChatMetrics(model, telemetry.get("registry", REGISTRY))
    metrics.watch(admission)
    chat = Chat(
        model,
        settings,
        link,
        ItemFacts(store, settings.lookup_s),
        admission,
        TokenBudgets(settings.key_tokens, monotonic),
        metrics,
    )
    watch.register(EngineCollector(link))
    watch.metrics.expect(CHAT)
    watch.metrics.expect(CHAT, chat.model, settings.version, timed=True)
    watch.metrics.expect_steps("read", "facts", "admission", "prefill", "decode")
    warmth, spans = Warmth(link), ChatSpans(observed)
    ready = AssistantReady(warmth)
    keys = ApiKeys(parse_keys(settings.api_keys.get_secret_value()))

    def start() -> None:
        link.start()
        warmth.start()

    life = start, partial(_close, warmth, link, store, spans, watch)
    return Assistant(AssistantApp(chat, keys, watch, spans, ready=ready, life=life), ready)


def _link(settings: AssistantSettings, addresses: Addresses, model: str) -> Link:
    if not settings.upstream:
        return EngineLink(socket_path(addresses.run_dir, settings.version))
    context = settings.max_prompt_tokens + settings.max_tokens
    return UpstreamLink(settings.upstream, model, settings.upstream_revision, context, settings.upstream_host)


async def _close(warmth: Warmth, link: Link, store: Valkey, spans: ChatSpans, watch: Telemetry) -> None:
    await warmth.stop()
    await link.stop()
    store.close()
    spans.shutdown()
    watch.shutdown()
