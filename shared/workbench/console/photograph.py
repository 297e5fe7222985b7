"""``make console-picture``: the picture of the control room in README.md, of the level that runs under load now."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Error, sync_playwright

from workbench.console.__main__ import RUN_DIR, ConsoleSettings
from workbench.console.access import make_token
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import ViewportSize

__all__ = ["main"]

_PICTURE = Path(__file__).with_name("console.png")
_SIZE: ViewportSize = {"width": 1100, "height": 620}
_LIVE_WITHIN_MS = 60_000
_SETTLES_MS = 8_000


def main(argv: Sequence[str] | None = None) -> int:
    """Waits for traffic on level 3's page and photographs it; 1, with the reason, where it cannot."""
    del argv
    chromium = shutil.which("chromium")
    if chromium is None:
        say("error: chromium is not here: Debian's package chromium has it", stderr=True)
        return 1
    address = f"http://127.0.0.1:{ConsoleSettings().port}/level/3?token={make_token(RUN_DIR / 'token')}"
    try:
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]).new_page(viewport=_SIZE)
            page.goto(address)
            page.wait_for_selector(".flow .arrow.busy", timeout=_LIVE_WITHIN_MS)
            page.wait_for_timeout(_SETTLES_MS)
            page.screenshot(path=_PICTURE)
    except Error as error:
        say(f"error: {error.message.splitlines()[0]}: make up-3 console, then make sla-3 beside this", stderr=True)
        return 1
    say(f"written: {_PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
