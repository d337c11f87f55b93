"""What the style sheet and the script owe to every page: nothing is cut off or jumps, the keyboard
is always somewhere to be seen, and paper bears no navigation."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from apps.accounts.models import Role
from apps.refunds.models import Refund
from apps.rmas.models import RmaMessage
from tests.browser.pages import every_page
from tests.browser.windows import MIDDLE, NARROW, WIDE, Windows
from tests.desk.conftest import World
from tests.desk.test_permissions import TABLE

# What reaches over the right edge, of all that no box around it scrolls or cuts off.
WIDER = """() => {
    const edge = document.documentElement.clientWidth;
    if (document.scrollingElement.scrollWidth <= edge) return "";
    const isCut = e => e && (getComputedStyle(e).overflowX !== "visible" || isCut(e.parentElement));
    const wide = [...document.querySelectorAll("body *")].filter(
        e => e.getBoundingClientRect().right > edge && !isCut(e.parentElement));
    const told = wide.slice(-3).map(e => e.outerHTML.slice(0, 90));
    return `${document.scrollingElement.scrollWidth} px: ${told}`;
}"""

# How the focused element is marked, and where it is.
FOCUS = """() => {
    const e = document.activeElement;
    if (!e || e === document.body) return null;
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    const label = e.getAttribute("aria-label") || e.textContent || e.value || e.name || "";
    return {
        kind: e.tagName.toLowerCase() + (e.type ? ":" + e.type : ""),
        name: label.trim().slice(0, 40) + " " + e.id,
        outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
        width: box.width, height: box.height,
        isSeen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    };
}"""

PLACES = """() => [...document.querySelectorAll("#live *")].filter(e => e.getClientRects().length)
    .map(e => e.getBoundingClientRect()).map(b => [b.x, b.y, b.width, b.height].join(" "))"""


@pytest.fixture
def wrong() -> Iterator[list[str]]:
    """Collects what is wrong; in the end nothing is."""
    found: list[str] = []
    yield found
    assert not found, "\n".join(found)


def stops(page: Page) -> Iterator[dict[str, Any]]:
    """Walks through the page with Tab, from its top to its end."""
    for _ in range(150):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None:
            return
        yield stop
    raise AssertionError(f"{page.url}: the focus is caught, or there are too many stops")


def test_no_page_scrolls_sideways(
    world: World, admin: Client, windows: Windows, wrong: list[str]
) -> None:
    page = windows.open(admin)
    for url in every_page(world, admin):
        page.goto(url)
        for width, height in (WIDE, MIDDLE, NARROW):
            page.set_viewport_size({"width": width, "height": height})
            wrong += [f"{url} at {width}: {told}" for told in [page.evaluate(WIDER)] if told]
    page.goto("/")
    page.evaluate("document.querySelector('h1').style.paddingLeft = '2000px'")
    assert "px: <h1" in page.evaluate(WIDER)


STATEMENT_PAGES = ("statement", "statement-row", "statement-payout")
CUT = """() => [...document.querySelectorAll("main .scroll")]
    .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1)
    .map(e => `${e.scrollWidth - e.clientWidth} px of ${e.innerText.slice(0, 60)}`)"""


def test_lists_are_seen_whole_at_every_width(
    world: World, admin: Client, windows: Windows, wrong: list[str]
) -> None:
    page = windows.open(admin)
    for url in (
        "/",
        "/attention/",
        "/approvals/",
        "/orders/",
        "/orders/ORD-1/",
        "/returns/",
        "/returns/RMA-1/",
        "/refunds/",
        f"/refunds/{world.refund.identifier}/",
        "/messages/",
        "/outbound/",
        "/catalog/",
        "/people/",
        "/exchanges/",
        "/settlement/",
        "/reports/",
        "/reports/exports/",
        "/reports/schedules/",
        "/books/",
        "/books/2026-1/close/",
        "/statements/",
        *(reverse(f"desk:{name}", args=TABLE[name][0].args(world)) for name in STATEMENT_PAGES),
        *(f"/messages/{told.delivery_id}/" for told in RmaMessage.objects.order_by("pk")),
    ):
        page.goto(url)
        for width, height in (WIDE, (1280, 900), MIDDLE, NARROW):
            page.set_viewport_size({"width": width, "height": height})
            wrong += [f"{url} at {width}: {told}" for told in page.evaluate(CUT)]
    page.goto("/orders/")
    page.evaluate("document.querySelector('tbody th').style.paddingLeft = '2000px'")
    assert page.evaluate(CUT)


def test_the_keyboard_is_always_to_be_seen(
    world: World, sit: Callable[..., Page], wrong: list[str]
) -> None:
    page = sit(Role.ADMINISTRATOR)
    kinds = set()
    for url in ("/", "/returns/", "/returns/RMA-1/", "/refunds/new/ORD-1/?rma=RMA-1"):
        page.goto(url)
        walked = list(stops(page))
        kinds |= {stop["kind"] for stop in walked}
        assert walked[0]["name"].startswith("Skip to content")
        wrong += [f"{url}: {stop}" for stop in walked if stop["outline"] < 2 or not stop["isSeen"]]
    assert kinds >= {
        "a",
        "button:button",
        "button:submit",
        "input:search",
        "input:text",
        "input:checkbox",
        "select:select-one",
        "textarea:textarea",
        "summary",
    }


def test_tab_follows_the_page(world: World, sit: Callable[..., Page]) -> None:
    page = sit(Role.AGENT)
    page.goto("/refunds/new/ORD-1/?rma=RMA-1")
    assert page.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    tops = []
    for _ in range(4):
        page.keyboard.press("Tab")
        tops.append(page.evaluate("document.activeElement.getBoundingClientRect().top"))
    assert tops == sorted(tops)


def test_errors_are_told_where_they_are_and_on_top(world: World, sit: Callable[..., Page]) -> None:
    page = sit(Role.AGENT)
    page.goto("/refunds/new/ORD-1/")
    page.get_by_role("button", name="Continue").click()
    summary = page.locator(".problems")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Write why it is refunded.").click()
    expect(page.get_by_label("Reason", exact=True)).to_be_focused()


def test_nothing_jumps_when_the_page_updates_itself(
    world: World, sit: Callable[..., Page], wrong: list[str]
) -> None:
    page = sit(Role.AGENT)
    for url in ("/", "/orders/ORD-1/", "/returns/RMA-1/", f"/refunds/{world.refund.identifier}/"):
        page.goto(url)
        page.evaluate("document.querySelector('#live').dataset.old = 'yes'")
        before = page.evaluate(PLACES)
        page.evaluate("document.querySelector('#live').dispatchEvent(new CustomEvent('tick'))")
        page.wait_for_selector("#live:not([data-old]):not(.htmx-settling)")
        after = page.evaluate(PLACES)
        moved = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
        wrong += [f"{url}: {len(before)} boxes, then {len(after)}; {moved[:3]}"] if moved else []


def test_who_wants_no_motion_gets_none(world: World, sit: Callable[..., Page]) -> None:
    moves = """() => [...document.querySelectorAll("*")].filter(e => {
        const style = getComputedStyle(e);
        return style.animationName !== "none" || style.transitionDuration !== "0s";
    }).length"""
    page = sit(Role.AGENT, reduced_motion="reduce")
    page.goto("/")
    page.evaluate("document.querySelector('h1').style.transition = 'color 1s'")
    assert page.evaluate(moves) == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moves) == 1


def test_paper_has_no_navigation(
    world: World,
    sit: Callable[..., Page],
    drain: Callable[[], str],
) -> None:
    Refund.objects.filter(pk=world.refund.pk).update(status="paid", paid_at="2026-01-28T12:00Z")
    page = sit(Role.AGENT, theme="dark")
    for url, texts in (
        ("/returns/RMA-1/", ["RMA-1", "line 1, unit 2", "$261.12"]),
        (f"/refunds/{world.refund.identifier}/receipt/", [world.refund.identifier, "$261.12"]),
    ):
        page.goto(url)
        assert page.locator("nav:visible").count() >= 1
        page.emulate_media(media="print")
        for selector in ("header.bar", "nav", ".foot", "button", "a.button", "form"):
            assert page.locator(f"{selector}:visible").count() == 0, (url, selector)
        for text in texts:
            assert page.get_by_text(text).locator("visible=true").count() >= 1, (url, text)
        assert page.evaluate("getComputedStyle(document.body).colorScheme") == "light"
        page.emulate_media(media="screen")
