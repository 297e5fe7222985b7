"""Calls of the models: a matrix as a binary tensor over HTTP, and the outputs back, with nothing in between."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from servekit.http_pool import HttpPool
from servekit.oip.rest import HEADER_LENGTH, ModelMetadata, WireResponse
from servekit.oip.tensors import DTYPES
from shop.endpoints import PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.gateway.domain.breaker import Breaker
from shop.gateway.domain.entry import VERSION
from shop.gateway.domain.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from servekit.http_pool import HttpReply
    from shop.gateway.domain.versions import Versions

__all__ = [
    "FRAUD",
    "PERSONALISATION",
    "RANKING",
    "Inferred",
    "ModelCalls",
    "ModelPools",
    "Signature",
    "personalisation_shards",
]

_UNAVAILABLE = "model_unavailable"
_OK = 200
_HEADER_LENGTH = HEADER_LENGTH.encode()
_MAX_HEADS = 4096
_decode = msgspec.json.Decoder(WireResponse).decode

_HEAD = (
    b"POST %b HTTP/1.1\r\nhost: %b\r\ncontent-type: application/octet-stream\r\n"
    b"inference-header-content-length: %d\r\ncontent-length: %d\r\n"
)
_HOP = b"%btraceparent: %b\r\nx-request-timeout-ms: %d\r\n\r\n%b%9d}}"
# the timeout comes last and is padded, so that the JSON before it is written once for each shape
_JSON = (
    b'{"inputs":[{"name":"%b","shape":[%d,%d],"datatype":"FP32","parameters":{"binary_data_size":%d}}],'
    b'"outputs":[%b],"parameters":{"timeout":'
)
_TIMEOUT_WIDTH = 11


class Signature(NamedTuple):
    """A model's tensors: the name and width of its input, the names of its outputs."""

    model: str
    input: str
    width: int
    outputs: tuple[str, ...]


RANKING = Signature(SEARCH.model, "features", 128, ("scores",))
FRAUD = Signature(PAYMENTS.model, "features", 64, ("probability",))
PERSONALISATION = Signature(RECOMMENDATIONS.model, "user", 64, ("items", "scores"))


def personalisation_shards(count: int) -> list[Signature]:
    """The models that have a slice of the catalogue each; none where one model has it whole, ``count`` 0."""
    return [PERSONALISATION._replace(model=f"{PERSONALISATION.model}-{shard}") for shard in range(count)]


class Inferred(NamedTuple):
    """The outputs, in the signature's order, and the version that computed them."""

    outputs: list[NDArray[Any]]
    version: str


class ModelPools:
    """The connections to the model server, or to what stands in front of several.

    Args:
        host: where to connect to.
        port: likewise.
        authorities: for a model, what its requests say in ``Host``, where that decides which server gets them.
    """

    def __init__(self, host: str, port: int, authorities: Mapping[str, str]) -> None:
        self._shared = HttpPool(host, port)
        self._own = {model: HttpPool(host, port, name) for model, name in authorities.items()}
        self._any = next(iter(self._own.values()), self._shared)

    def of(self, model: str) -> HttpPool:
        """The connections for a model's requests; those of no model go to the first server where each has its own."""
        return self._own.get(model, self._shared) if model else self._any

    def close(self) -> None:
        """Closes the idle ones."""
        for pool in (self._shared, *self._own.values()):
            pool.close()


class ModelCalls:
    """The models.

    Args:
        pools: connections to their server.
        versioned: whether a call names the version; else the server chooses.
        versions: learns which there are.
        patience_s: see `Breaker`; infinite where each call is a question of its own.

    Attributes:
        versions: as given.
    """

    def __init__(self, pools: ModelPools, versions: Versions, *, versioned: bool, patience_s: float = inf) -> None:
        self._pools = pools
        self.versions = versions
        self._breaker = Breaker(patience_s)
        self._versioned = versioned
        self._heads: dict[tuple[str, str, int], tuple[bytes, bytes]] = {}

    async def infer(
        self, signature: Signature, version: str, rows: NDArray[np.float32], traceparent: str, budget_s: float
    ) -> Inferred:
        """The model's outputs for ``rows``, (n, width).

        Args:
            signature: of the model.
            version: which of its versions.
            rows: C-contiguous; must not change until the answer is there.
            traceparent: of the request that needs it.
            budget_s: how long the answer may take; the server is told, too.

        Raises:
            UnavailableError: no answer, not in time, or none that the model can have given.
        """
        if budget_s <= 0:
            raise UnavailableError("deadline", f"no time left for {signature.model}")
        known = self.versions.label(version)  # what callers invent is one version to the breaker
        if self._breaker.is_open(signature.model, known):
            raise UnavailableError(
                _UNAVAILABLE, f"{signature.model} {version}: timed out several times, not asked for a moment"
            )
        key = (signature.model, version, len(rows))
        head, text = self._heads.get(key) or self._write(signature, key)
        micros = int(budget_s * 1e6)
        request = _HOP % (head, traceparent.encode(), micros // 1000, text, min(micros, 999_999_999))
        try:
            reply = await self._pools.of(signature.model).exchange((request, rows.data.cast("B")), budget_s)
        except TimeoutError:
            self._breaker.timed_out(signature.model, known, budget_s)
            raise UnavailableError("deadline", f"{signature.model}: no answer in {budget_s * 1e3:.0f} ms") from None
        except OSError as error:
            raise UnavailableError(_UNAVAILABLE, f"{signature.model}: {error}") from None
        self._breaker.answered(signature.model, known)
        inferred = _read(signature, reply)
        self.versions.learn(inferred.version)
        return inferred

    async def learn(self, model: str, budget_s: float) -> None:
        """Asks the model server which versions of a model there are.

        Raises:
            UnavailableError: no answer, not in time, or none that is understood.
        """
        try:
            reply = await self._pools.of(model).get(f"/v2/models/{model}", [], budget_s)
            self.versions.learn(*msgspec.json.decode(reply.body, type=ModelMetadata).versions)
        except (OSError, msgspec.MsgspecError) as error:
            raise UnavailableError(_UNAVAILABLE, f"versions of {model}: {error}") from None

    async def ready(self, model: str, budget_s: float) -> bool:
        """Whether the model server says in time that it has this model ready."""
        try:
            return (await self._pools.of(model).get(f"/v2/models/{model}/ready", [], budget_s)).status == _OK
        except OSError:
            return False

    def _write(self, signature: Signature, key: tuple[str, str, int]) -> tuple[bytes, bytes]:
        model, version, count = key
        size = count * signature.width * 4
        outputs = b",".join(
            b'{"name":"%b","parameters":{"binary_data":true}}' % name.encode() for name in signature.outputs
        )
        text = _JSON % (signature.input.encode(), count, signature.width, size, outputs)
        at = f"/v2/models/{model}/versions/{version}/infer" if self._versioned else f"/v2/models/{model}/infer"
        length = len(text) + _TIMEOUT_WIDTH
        head = _HEAD % (at.encode(), self._pools.of(model).host, length, length + size)
        if len(self._heads) >= _MAX_HEADS:
            self._heads.clear()
        self._heads[key] = head, text
        return head, text


def _read(signature: Signature, reply: HttpReply) -> Inferred:
    if reply.status != _OK:
        raise UnavailableError(_UNAVAILABLE, f"{signature.model}: {reply.status} {reply.body[:200]!r}")
    try:
        at = int(reply.header(_HEADER_LENGTH))
        wire = _decode(memoryview(reply.body)[:at])
        outputs: dict[str, NDArray[Any]] = {}
        for tensor in wire.outputs:
            size = int((tensor.parameters or {})["binary_data_size"] or 0)
            dtype = DTYPES[tensor.datatype]
            outputs[tensor.name] = np.frombuffer(reply.body, dtype, size // dtype.itemsize, at)
            at += size
        found = [outputs[name] for name in signature.outputs]
    except (ValueError, KeyError, msgspec.MsgspecError) as error:
        raise UnavailableError(_UNAVAILABLE, f"{signature.model}: answer not understood: {error!r}") from None
    version = wire.model_version or ""
    if not VERSION.fullmatch(version.encode()):
        raise UnavailableError(_UNAVAILABLE, f"{signature.model}: version {version!r}: expected a number")
    if not np.isfinite(found[-1]).all():
        raise UnavailableError(_UNAVAILABLE, f"{signature.model}: its scores are not all finite numbers")
    return Inferred(found, version)
