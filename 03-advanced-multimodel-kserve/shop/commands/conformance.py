"""``python -m shop.commands.conformance``: does the level speak the Open Inference Protocol?

It asks the edge by default, or the one that ``URL`` names; ``--triton`` asks Triton itself, over gRPC too, and
``--base-url`` any other server. ``SHOP_API_KEY`` is the key that it sends to a level that asks for one.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from shop.addresses import Addresses
from shop.endpoints import MODELS
from shop.load.caller import key_headers
from workbench.conformance.__main__ import main as check
from workbench.stack import elsewhere, join

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None, addresses: Addresses | None = None) -> int:
    """Checks each model; 0 when all conform, 1 when one does not, 2 when nobody answers."""
    addresses = addresses or Addresses()
    parser = argparse.ArgumentParser(prog="python -m shop.commands.conformance", description=__doc__.split("\n")[0])
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--base-url", default=elsewhere() or f"http://127.0.0.1:{addresses.port}", help="what comes before /v2"
    )
    where.add_argument("--triton", action="store_true", help="Triton itself, over HTTP and gRPC")
    parser.add_argument("--model", choices=MODELS, action="append", help="one of the models (all three)")
    options = parser.parse_args(argv)
    target = [options.base_url]
    if options.triton:
        local = "127.0.0.1"
        target = [f"http://{local}:{addresses.triton_http_port}", "--grpc", f"{local}:{addresses.triton_grpc_port}"]
    keys = [word for name, key in key_headers().items() for word in ("--header", f"{name}: {key}")]
    worst = 0
    for model in options.model or MODELS:
        worst = max(worst, check([*target, *keys, "--model", model, "--version", "1"]))
    return worst


if __name__ == "__main__":
    join(3, lambda: Addresses().port, Addresses().run_dir, anywhere=True)
    sys.exit(main())
