"""How large a request may be: the edge promises it, the gateways take it."""

from __future__ import annotations

__all__ = ["MAX_BODY_BYTES", "MAX_TENSOR_BYTES"]

MAX_BODY_BYTES = 1024 * 1024
"""Of a request to /v1."""

MAX_TENSOR_BYTES = 8 * 1024 * 1024
"""Of a request to /v2."""
