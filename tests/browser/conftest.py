"""A real browser, which sees our server and nothing else. Run by `make test-browser`."""

from __future__ import annotations

import os

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def site(live_server) -> str:
    """Where the pages are; modules that need a server of their own give another."""
    return live_server.url


@pytest.fixture
def visit(chromium, site):
    """Open a page as somebody, or as nobody: `visit(user, width=390, javascript=False)`.

    At the end of the test: no request left the host, and no script failed.
    """
    contexts, wrong = [], []

    def watch(request):
        if not request.url.startswith((site, "data:")):
            wrong.append(f"a request left the host: {request.url}")

    def open_page(user, *, width=1280, javascript=True, dark=False):
        context = chromium.new_context(
            base_url=site,
            viewport={"width": width, "height": 900},
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        if user is not None:
            context.add_cookies([session_of(user, site)])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("request", watch)
        page.on("pageerror", lambda error: wrong.append(f"a script failed: {error}"))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def session_of(user, url):
    """The cookie of somebody who is signed in."""
    client = Client()
    client.force_login(user)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    return {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": url}
