"""An agent at work in a real Chromium, against a running desk."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from apps.accounts.models import Membership, Role, User
from apps.stores.queries import default_store
from tests.support import builders

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine"),
]


@pytest.fixture
def page(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A fresh browser window that may talk to this machine only; ends with its errors checked."""
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        opened = browser.new_page(viewport={"width": 1440, "height": 900})
        complaints: list[str] = []
        strangers: list[str] = []
        opened.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on(
            "request",
            lambda r: None if "//localhost" in r.url else strangers.append(r.url),
        )
        yield opened
        browser.close()
    assert complaints == []
    assert strangers == []


@pytest.fixture
def agent() -> User:
    """A person who works for the default store."""
    user = User.objects.create_user("agent", password="agent-password")
    Membership.objects.create(user=user, store=default_store(), role=Role.AGENT)
    return user


def sign_in(page: Any, url: str) -> None:
    page.goto(f"{url}/login/")
    page.fill("input[name=username]", "agent")
    page.fill("input[name=password]", "agent-password")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/")


def test_an_agent_signs_in_searches_and_opens_an_order(page, agent, desk, send_rma, optoro, drain):
    desk.post_order(builders.order("ORD-BROWSER"))
    units = [builders.unit("ORD-BROWSER") for _ in range(4)]
    send_rma(builders.rma(units=units, tracking="TRANSIT"))
    send_rma(builders.rma(units=units, tracking="TRANSIT", status="REFUNDED", minute=5))
    drain()
    sign_in(page, desk.url)

    page.keyboard.press("/")
    page.keyboard.type("92023909899840543401202533")
    page.keyboard.press("Enter")
    page.wait_for_url("**/returns/RMA-1/")
    assert "Refunded" in page.locator("main").inner_text()

    page.keyboard.press("/")
    page.keyboard.type("ORD-BROWSER")
    page.keyboard.press("Enter")
    page.wait_for_url("**/orders/ORD-BROWSER/")
    text = page.locator("main").inner_text()
    assert page.locator("h1").inner_text().startswith("Order ORD-BROWSER")
    assert "$522.24" in text
    for step in ("Decided", "Paid", "Reported", "Confirmed"):
        assert step.lower() in text.lower()
    assert "Optoro confirmed refund" in text

    raw = page.locator("summary", has_text="Raw message").last
    raw.click()
    page.get_by_text('"raw_status"').first.wait_for()


def test_without_scripts_everything_is_still_there(agent, desk, optoro, drain, monkeypatch):
    from playwright.sync_api import sync_playwright

    desk.post_order(builders.order())
    drain()
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(java_script_enabled=False).new_page()
        sign_in(page, desk.url)
        page.fill("input[name=q]", "ada@example.com")
        page.keyboard.press("Enter")
        page.wait_for_url("**/orders/ORD-1/")
        assert page.locator("h1").inner_text().startswith("Order ORD-1")
        browser.close()
