"""A real browser before a real receiver."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from processes import redis_server
from tests.ingest.checkout.kit import Books, receiver
from tests.memory import in_memory
from tests.patience import PATIENCE_S

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = PATIENCE_S * 1000
expect.set_options(timeout=PATIENCE_MS)
PHONE = ViewportSize(width=390, height=844)
PC = ViewportSize(width=1280, height=800)


@pytest.fixture(scope="module")
def server() -> Iterator[redis_server.Server]:
    """One server for these: what they test is the same on each."""
    with in_memory() as directory, redis_server.start(directory) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module alone: while it is open its event loop runs, in which no other test can run its own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(names)} is on PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def port(server: redis_server.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    log = tmp_path_factory.mktemp("receiver") / "log"
    with receiver(server.url, log) as (number, _):
        yield number


@pytest.fixture
def books(client: redis.Redis) -> Books:
    return Books(client)


@dataclass
class Shopper:
    """Opens pages, and hears what the browser complains of."""

    browser: Browser
    port: int
    complaints: list[str]
    shots: Path

    def open(self, token: str, *, size: ViewportSize = PHONE, language: str = "en-GB", **more: Any) -> Page:
        """A page in a browser window of its own."""
        page = self.browser.new_page(viewport=size, locale=language, **more)
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"http://127.0.0.1:{self.port}/checkout/{token}")
        return page

    def shoot(self, page: Page, name: str) -> Path:
        """A picture of the whole page."""
        path = self.shots / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path


@pytest.fixture
def shopper(browser: Browser, port: int, tmp_path: Path) -> Iterator[Shopper]:
    """Whatever the browser says on its console is a failure, violations of the CSP included."""
    one = Shopper(browser, port, [], tmp_path)
    yield one
    for context in browser.contexts:
        context.close()
    assert one.complaints == []
