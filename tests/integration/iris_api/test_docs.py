"""``/docs`` comes from this server whole: no other host learns who reads it, or gets to run anything in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {
    "docs/favicon.png": "image/png",
    "docs/swagger-ui.css": "text/css; charset=utf-8",
    "docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "docs/start.js": "text/javascript; charset=utf-8",
    "openapi.json": "application/json",
}


class Links(HTMLParser):
    """What a page loads or leads to, and whether a script stands in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "action", "data", "srcset"}]
        self.inline |= tag == "script" and "src" not in dict(attrs)


async def test_the_page_loads_only_what_this_server_has(iris_client: httpx.AsyncClient) -> None:
    page = await iris_client.get("/docs")
    assert (page.status_code, page.headers["content-security-policy"]) == (200, POLICY)
    links = Links(page.text)
    assert not links.inline
    assert set(links.found) == set(TYPES)
    for link in links.found:
        answer = await iris_client.get(f"/{link}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, TYPES[link])
        assert answer.headers.get("x-content-type-options") == "nosniff" or link == "openapi.json"


async def test_neither_style_nor_start_names_another_host(iris_client: httpx.AsyncClient) -> None:
    style = await iris_client.get("/docs/swagger-ui.css")
    start = await iris_client.get("/docs/start.js")
    assert "@import" not in style.text
    assert {link.lstrip("'\"")[:5] for link in re.findall(r"url\(([^)]*)", style.text)} <= {"data:"}
    assert "//" not in start.text
    assert "validatorUrl: null" in start.text  # else Swagger's makers would be asked to judge the document


@pytest.mark.parametrize("name", ["redoc.standalone.js", "..%2fcore.py", "%2e%2e/core.py", "a/b", "", "START.JS"])
async def test_no_other_file_is_served_below_docs(name: str, iris_client: httpx.AsyncClient) -> None:
    answer = await iris_client.get(f"/docs/{name}")
    assert answer.status_code == 404
    assert "no such endpoint: see /docs" in answer.json()["error"]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on PATH")
def test_a_browser_without_network_shows_every_operation(iris_server: Any, tmp_path: Path) -> None:
    assert BROWSER
    done = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--virtual-time-budget=20000",
            "--enable-logging=stderr", "--dump-dom", f"{iris_server.url}/docs",
        ],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    for path in ("/v1/predict", "/v2/models/{model}/infer", "/readyz"):
        assert f'data-path="{path}"' in done.stdout
    assert "CONSOLE" not in done.stderr, done.stderr
