"""The console in a real browser, beside a real level 3: `make up-3 console` in a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError as TooLateError
from playwright.sync_api import expect, sync_playwright

from tests.clones import LEVELS, make_models
from tests.patience import GENEROUS_S, until
from tests.ports import free_block, free_ports
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE_MS = GENEROUS_S * 1000
PAGES = {
    "/": ("Control room", "alert"),
    "/level/1": ("Level 1: Iris API", "Load test"),
    "/level/3": ("Level 3: shop platform", "kill triton"),
    "/traces": ("Traces and logs", "SQL over logs"),
    "/reports": ("Reports", "first run"),
    "/learn": ("Learn", "No incident is open"),
}
VIEWS = {"wide and light": (1280, 900, "light"), "narrow and dark": (390, 844, "dark")}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser here: Debian's package chromium has one"),
]


@dataclass
class Room:
    """A running console: its address with the token, and the level beside it."""

    address: str
    home: Path
    level: str
    shots: Path
    complaints: list[str] = field(default_factory=list)

    def open(self, browser: Browser, path: str, view: str = "wide and light") -> Page:
        """A page, whose errors and whose requests to other hosts are complaints."""
        width, height, scheme = VIEWS[view]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda asked: self.complaints.append(asked.url) if is_elsewhere(asked.url) else None)
        base, token = self.address.split("/?")
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{base}{path}{'&' if '?' in path else '?'}{token}")
        page.wait_for_function("window.did_handshake")  # NiceGUI's: what is clicked before waits, and not in its order
        return page


def is_elsewhere(url: str) -> bool:
    return re.match(r"(https?|wss?)://127\.0\.0\.1:|data:|blob:", url) is None


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Level 3 and the console, started by `make` in a copy of what git has of this tree."""
    shop = LEVELS[2]
    make_models(shop)
    home = tmp_path_factory.mktemp("tree")
    copy_tree(home)
    for name in (*shop.needs, "evaluation"):
        shutil.copytree(ROOT / ".run" / "3" / name, home / ".run" / "3" / name)
    ports = {name: str(free_block(span)) for name, span in shop.ports.items()}
    paths = [home / line for line in (ROOT / "infra" / "paths.txt").read_text().split()]
    environment = {
        **os.environ, **ports, "CONSOLE_PORT": str(free_ports(1)[0]), "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "MLFLOW_TRACKING_URI": "off",
    }  # fmt: skip

    # a canary needs a version 2, whatever the gate says of its speed on a busy machine
    optimise = [sys.executable, "-m", "shop.commands.optimize", "--quick", "--force"]
    subprocess.run(optimise, cwd=home, env=environment, check=True, capture_output=True)

    def make(*targets: str) -> str:
        done = subprocess.run(
            ["make", "-C", home, *targets], env=environment, capture_output=True, text=True, check=False, timeout=400
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        said = make("up-3", "console")
        found = re.search(r"control room: (http://\S+)", said)
        assert found, said
        shots = ROOT / ".run" / "console" / "screenshots"
        shots.mkdir(parents=True, exist_ok=True)
        yield Room(found[1], home, f"http://127.0.0.1:{ports['SHOP_PORT']}", shots)
    finally:
        make("console-down", "down-3")


@contextmanager
def traffic(url: str) -> Iterator[None]:
    """Somebody asks for recommendations meanwhile, again and again."""
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, trust_env=False) as http:
            while not over.wait(0.05):
                http.post("/v1/recommendations", json={"user": 1, "k": 10})

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def search(user: int) -> dict[str, Any]:
    return {
        "user": user,
        "query": {"category": 3, "price": 20.0 + user},
        "candidates": list(range(user, user + 20)),
        "k": 5,
    }


def copy_tree(home: Path) -> None:
    shutil.copytree(ROOT, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    for environment in (ROOT / ".venvs").iterdir():  # as they are: make has nothing to set up in them
        own = home / ".venvs" / environment.name
        own.mkdir(parents=True)
        for part in environment.iterdir():
            if part.name != ".synced":
                (own / part.name).symlink_to(part)
        (own / ".synced").touch()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_itself_without_errors_or_other_hosts_and_to_everybody(
    room: Room, browser: Browser, path: str, view: str
) -> None:
    page = room.open(browser, path, view)
    title, part = PAGES[path]
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    shown = page.get_by_text(part).or_(page.get_by_role("button", name=part))
    expect(shown.first).to_be_visible()
    page.screenshot(path=room.shots / f"{path.strip('/').replace('/', '-') or 'overview'} {view}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it needs no scrolling sideways"
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    assert [f"{each['id']}: {each['help']}" for each in found if each["impact"] in {"serious", "critical"}] == []
    assert room.complaints == []
    page.context.close()


def test_live_traffic_is_on_the_arrows_within_seconds(room: Room, browser: Browser) -> None:
    page = room.open(browser, "/level/3")
    arrow = page.locator(".flow .arrow.busy")
    with traffic(room.level):
        expect(arrow.first).to_be_visible()
    page.context.close()


def test_a_trace_is_shown_as_a_waterfall_with_its_log_lines(room: Room, browser: Browser) -> None:
    asked: list[tuple[float, str]] = []
    with httpx.Client(base_url=room.level, trust_env=False) as http:

        def ask() -> bool:
            asked.append((time.time(), f"{len(asked) + 1:032x}"))
            traced = {"traceparent": f"00-{asked[-1][1]}-0123456789abcdef-01"}
            return http.post("/v1/recommendations", json={"user": 3, "k": 5}, headers=traced).is_success

        until(ask, "answered")  # within a second, else the edge gives up
    begun, trace = asked[-1]
    page = room.open(browser, f"/traces?level=3&at={begun}")
    found = page.get_by_role("button", name=f"open trace {trace}")

    def shown() -> int:
        page.get_by_role("button", name="Show").click()
        page.wait_for_timeout(500)
        return found.count()

    until(shown, "there, though spans are written in batches")
    found.click()
    expect(page.get_by_role("list", name="spans").get_by_role("listitem").nth(1)).to_be_visible()
    page.context.close()


def click(page: Page, button: Locator) -> None:
    """Clicks until it is asked whether that is meant: a click is lost while the page finds its server anew."""

    def is_asked() -> bool:
        button.click()
        return appears(page.get_by_role("button", name="Do it"))

    until(is_asked, "asked")


def is_noticed(slider: Locator, said: Locator) -> bool:
    """Whether the server knows where a slider is that is moved by one to the right, and back if not."""
    slider.press("ArrowRight")
    if appears(said):
        return True
    slider.press("ArrowLeft")
    return False


def appears(what: Locator) -> bool:
    try:
        what.wait_for(timeout=PATIENCE_MS / 3)
    except TooLateError:
        return False
    return True


def test_a_killed_process_turns_red_and_is_up_again(room: Room, browser: Browser) -> None:
    page = room.open(browser, "/level/3")
    pid = page.get_by_role("row", name="features").get_by_role("cell").nth(6)
    expect(pid).to_have_text(re.compile(r"\d+"))
    before = pid.inner_text()
    click(page, page.get_by_role("button", name="kill features"))
    page.get_by_role("button", name="Do it").click()
    expect(pid).not_to_have_text(before)
    expect(pid).to_have_text(re.compile(r"\d+"))
    audit = "".join(file.read_text() for file in (room.home / ".run" / "console" / "audit").rglob("*.jsonl"))
    assert f"kill -9 {before} (features of level 3)" in audit
    page.context.close()


def test_a_process_that_is_stopped_is_red_until_it_is_started_again(room: Room, browser: Browser) -> None:
    page = room.open(browser, "/level/3")
    button = page.get_by_role("button", name="stop or start cache")
    for word, box in (("stop", "down"), ("start", "up")):
        expect(button).to_have_text(word, ignore_case=True)
        click(page, button)
        page.get_by_role("button", name="Do it").click()
        expect(page.locator(f".flow .box.{box}", has_text="cache")).to_be_visible()
    page.context.close()


def test_an_action_of_a_level_runs_its_command(room: Room, browser: Browser) -> None:
    page = room.open(browser, "/level/3")
    click(page, page.get_by_role("button", name="run Empty the cache"))
    page.get_by_role("button", name="Do it").click()
    log = page.get_by_role("log", name="output")
    expect(log.get_by_text("the cache is empty")).to_be_visible()
    expect(log.get_by_text("ended with status 0")).to_be_visible()
    page.context.close()


def test_an_action_that_is_left_runs_nothing(room: Room, browser: Browser) -> None:
    page = room.open(browser, "/level/3")
    click(page, page.get_by_role("button", name="Stop it"))
    expect(page.get_by_text("make down-3")).to_be_visible()
    page.get_by_role("button", name="Leave it").click()
    expect(page.get_by_text("make down-3")).not_to_be_visible()
    expect(page.get_by_role("log", name="output").get_by_text("down-3")).to_have_count(0)
    page.context.close()


def test_the_canary_slider_moves_real_traffic(room: Room, browser: Browser) -> None:
    page = room.open(browser, "/level/3")
    card = page.get_by_role("group", name="Canary", exact=True)
    slider = card.get_by_role("slider")
    expect(slider).to_be_visible()
    for _ in range(39):
        slider.press("ArrowRight")
    until(partial(is_noticed, slider, card.get_by_text("percent of the requests: 50")), "noticed")
    click(page, card.get_by_role("button", name="run Canary"))
    expect(page.get_by_text("make canary-3 MODEL=ranking WEIGHT=50")).to_be_visible()
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("ended with status 0")).to_be_visible()
    page.context.close()
    users, versions = count(), set()
    with httpx.Client(base_url=room.level, trust_env=False) as http:

        def ask() -> bool:
            answer = http.post("/v1/search", json=search(next(users) % 100))
            versions.add(answer.headers.get("x-model-version"))  # a busy machine's late answers have none
            return versions >= {"1", "2"}

        until(ask, "answers of both versions")


def test_nobody_acts_without_the_token_or_from_another_site(room: Room) -> None:
    base = room.address.split("/?")[0]
    token = room.address.split("token=")[1]
    socket = f"{base}/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    elsewhere = {"origin": "http://evil.example"}
    with httpx.Client(trust_env=False, cookies={"console": token}) as known, httpx.Client(trust_env=False) as stranger:
        assert known.get(f"{base}/level/3").status_code == 200
        for address in (f"{base}/level/3", socket):
            assert stranger.get(address).status_code == 401
            assert known.get(address, headers=elsewhere).status_code == 403
