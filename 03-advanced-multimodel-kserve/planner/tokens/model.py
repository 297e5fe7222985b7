"""The memory of a language model: its weights, and the keys and values that it keeps for each token.

To compute the next token, every layer needs the key and the value of each token before it. They are kept, since they
never change, and that is the KV cache: the more tokens are under way, the more of it. It is cut into blocks of some
tokens, of which each sequence holds as many as it needs (paged attention), so at most one block each is partly empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from planner.tokens.gguf import read_metadata
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["F16", "U8", "KvFormat", "ModelShape", "blocks_of"]

Count = Annotated[int, msgspec.Meta(ge=1)]


class KvFormat(msgspec.Struct, frozen=True):
    """How a key and a value are kept: bytes of each number, and of the scales that whole groups of them share.

    Attributes:
        name: of the format.
        number: bytes of one number.
        key_scales, value_scales: bytes of scales that each token's key and value need besides, for one head whose
            size is 64; they are in proportion to the size for keys and constant for values.
    """

    name: str
    number: float
    key_scales: float = 0.0
    value_scales: float = 0.0

    def bytes_of_head(self, head_size: int) -> float:
        """Bytes of one token's key and value in one head."""
        return 2 * head_size * self.number + self.key_scales * head_size / _HEAD + self.value_scales


_HEAD: Final = 64
F16: Final = KvFormat("f16", 2)
"""Half-precision numbers: the usual format."""
U8: Final = KvFormat("u8", 1, key_scales=16, value_scales=8)
"""OpenVINO's on a CPU: each number a byte; a scale and a zero point, 8 bytes, for the 32 keys of a block in one channel
(64 × 8 / 32 = 16 bytes for each token) and for the value of each token."""


class ModelShape(msgspec.Struct, frozen=True, kw_only=True):
    """What decides over the memory of a model, as its file says.

    Attributes:
        heads: of the queries; ``kv_heads`` of the keys and values, fewer where groups of queries share one (GQA).
        context: the most tokens of a prompt and its answer together.
        weights_bytes: of the whole file.
    """

    name: str
    layers: Count
    heads: Count
    kv_heads: Count
    head_size: Count
    context: Count
    weights_bytes: Count

    @classmethod
    def from_gguf(cls, path: Path) -> ModelShape:
        """The shape of the model in a GGUF file.

        Raises:
            InvalidValueError: the file is not one, or lacks one of the numbers.
        """
        found = read_metadata(path)
        kind = found.get("general.architecture", "")
        try:
            heads = found[f"{kind}.attention.head_count"]
            shape = {
                "name": found.get("general.name", path.stem),
                "layers": found[f"{kind}.block_count"],
                "heads": heads,
                "kv_heads": found.get(f"{kind}.attention.head_count_kv", heads),
                "head_size": found.get(f"{kind}.attention.key_length") or found[f"{kind}.embedding_length"] // heads,
                "context": found[f"{kind}.context_length"],
                "weights_bytes": path.stat().st_size,
            }
            return msgspec.convert(shape, cls)
        except (KeyError, TypeError, ZeroDivisionError, msgspec.ValidationError) as problem:
            raise InvalidValueError("model", str(path), f"{problem}: expected the shape of a transformer") from None

    def kv_bytes_per_token(self, kept: KvFormat = F16) -> float:
        """Bytes of the KV cache that one token takes: layers × heads of keys and values × bytes of a head."""
        return self.layers * self.kv_heads * kept.bytes_of_head(self.head_size)

    def memory_bytes(self, kv_tokens: int, kept: KvFormat = F16) -> float:
        """Bytes of the weights and of a KV cache with room for so many tokens; the process itself comes on top."""
        return self.weights_bytes + kv_tokens * self.kv_bytes_per_token(kept)


def blocks_of(tokens: int, block_tokens: int) -> int:
    """The blocks that so many tokens of one sequence need."""
    return -(-tokens // block_tokens)
