"""A day of customer service, played in a browser. What was paid is read in the gateway's book and
in the database, to the cent; the page is only asked whether it says the same."""

import re
from collections.abc import Callable
from typing import Any

from django.test import Client
from playwright.sync_api import Page, expect

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.cases.models import Note
from apps.refunds.models import ApprovalPolicy, Refund
from apps.rmas.models import Rma
from apps.stores.models import Store
from tests.browser.conftest import booked
from tests.browser.windows import Windows
from tests.desk.conftest import PARCEL, World
from tests.support.optoro import FakeOptoro

SOON = 30_000
REFUND = re.compile(r"/refunds/RD-[^/]+/")
RECEIVED = {"package_tracking_status": "DELIVERED", "receiving_status": "RECEIVED"}


def sign_in(page: Page) -> None:
    """Signs the agent in by the form."""
    page.goto("/")
    page.get_by_label("User name").fill("agent")
    page.get_by_label("Password", exact=True).fill("agent-password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox")).to_be_visible()


def find(page: Page, text: str, address: str) -> None:
    """Searches with the keyboard; the only hit opens."""
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_url(address)


def choose_two_units(page: Page) -> None:
    """Fills in the form: two of the four shirts."""
    page.get_by_role("link", name="Refund…").click()
    page.get_by_role("checkbox", name="Unit 1").check()
    page.get_by_role("checkbox", name="Unit 2").check()
    page.get_by_label("Reason", exact=True).fill("The shopper called")


def post(page: Page, url: str, values: dict[str, str]) -> int:
    """Sends a form that the page does not show, with the page's own token; returns the status."""
    token = page.locator("[name=csrfmiddlewaretoken]").first.get_attribute("value") or ""
    values = {"csrfmiddlewaretoken": token, **values}
    return page.request.post(url, form=values, max_redirects=0).status


def done_ticks(page: Page) -> Any:
    """The steps of a refund that are behind it."""
    return page.locator(".ticks .done .tick-label")


def test_two_of_four_units_are_refunded_paid_and_confirmed(
    store: Store,
    parcel: Callable[..., None],
    person: Callable[..., Client],
    windows: Windows,
    hold_ends: Callable[[], None],
    optoro: FakeOptoro,
) -> None:
    parcel()
    person((store, Role.AGENT), name="agent", password="agent-password")
    page = windows.open()
    sign_in(page)
    find(page, PARCEL[:-1] + "1", "**/returns/RMA-1/**")
    expect(page.locator(".unit .verdict").first).to_contain_text("receipt at the warehouse")
    assert booked() == []

    choose_two_units(page)
    expect(page.locator("#preview-now")).to_contain_text("$261.12", timeout=SOON)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".facts .big")).to_have_text("$261.12")
    page.get_by_role("button", name="Refund $261.12").dblclick()
    expect(page).to_have_url(REFUND, timeout=SOON)
    refund = Refund.objects.get()
    assert page.url.endswith(f"/refunds/{refund.identifier}/")
    assert (refund.status, refund.total_refund_amount_cents) == ("approved", 26112)
    expect(done_ticks(page)).to_have_text(["Decided"])
    assert booked() == []

    hold_ends()
    expect(done_ticks(page)).to_have_text(["Decided", "Paid", "Reported"], timeout=SOON)
    assert booked() == [("ORD-1", 26112, "paid")]
    told = optoro.last()["refunds"]
    assert [row["total_refund_amount_cents"] for row in told] == [26112]

    parcel(is_known=True, unit=RECEIVED, minute=5)
    parcel(is_known=True, unit=RECEIVED, minute=9, status="REFUNDED")
    expect(done_ticks(page)).to_have_count(4, timeout=SOON)
    assert booked() == [("ORD-1", 26112, "paid"), ("ORD-1", 26112, "paid")]
    assert [row["total_refund_amount_cents"] for row in optoro.last()["refunds"]] == [26112] * 2
    page.get_by_role("link", name="RMA-1").first.click()
    expect(page.locator(".purse .strong .num")).to_have_text("$522.24")
    page.get_by_text("Raw message").first.click()
    expect(page.locator(".raw-message").first).to_contain_text('"rma_identifier": "RMA-1"')


def test_a_note_and_a_canceled_return(
    parcel: Callable[..., None], sit: Callable[..., Page], hold_ends: Callable[[], None]
) -> None:
    parcel(1)
    parcel(2)
    page = sit(Role.AGENT)
    page.goto("/returns/RMA-1/")
    page.get_by_label("Write a note").fill("Keeps the shirts.\n<b>Called</b> twice.")
    page.get_by_role("button", name="Add the note").click()
    expect(page.locator(".notes .note-text")).to_have_text(
        "Keeps the shirts.\n<b>Called</b> twice."
    )
    note = Note.objects.get()
    assert note.text.splitlines() == ["Keeps the shirts.", "<b>Called</b> twice."]
    assert note.author.username == "agent"

    page.get_by_role("link", name="Cancel return…").click()
    expect(page.locator("main")).to_contain_text("4 units, for which Optoro estimates $522.24")
    page.get_by_label("Reason").fill("Keeps the shirts")
    page.get_by_role("button", name="Ask for the cancellation").click()
    expect(page.get_by_label("Cancellation asked for")).to_contain_text("Keeps the shirts")
    for number in (1, 2):
        parcel(number, is_known=True, unit=RECEIVED, minute=5)
    hold_ends()
    assert booked() == [("ORD-2", 52224, "paid")]

    parcel(1, is_known=True, unit=RECEIVED, minute=9, status="CANCELED")
    expect(page.locator(".case-head > .pill").first).to_have_text("Canceled", timeout=SOON)
    assert Rma.objects.get(rma_identifier="RMA-1").status == "CANCELED"
    assert booked() == [("ORD-2", 52224, "paid")]


def test_a_refund_is_taken_back_within_its_hold(
    parcel: Callable[..., None], sit: Callable[..., Page], hold_ends: Callable[[], None]
) -> None:
    parcel()
    page = sit(Role.AGENT)
    for ending in ("Take it back", ""):
        page.goto("/returns/RMA-1/")
        choose_two_units(page)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Refund $261.12").click()
        page.wait_for_url(REFUND)
        if ending:
            page.get_by_role("button", name=ending).click()
            expect(page.locator(".ticks .stopped")).to_contain_text("canceled")
    hold_ends()
    assert [row.status for row in Refund.objects.order_by("pk")] == ["canceled", "paid"]
    assert booked() == [("ORD-1", 26112, "paid")]


def test_a_lead_approves_with_the_keyboard_what_an_agent_may_not(
    store: Store,
    parcel: Callable[..., None],
    sit: Callable[..., Page],
    hold_ends: Callable[[], None],
) -> None:
    ApprovalPolicy.objects.create(
        store=store, agent_limit_cents=20000, goodwill_limit_cents=0, staff_hold_minutes=10
    )
    agent = sit(Role.AGENT)
    for number in (1, 2):
        parcel(number)
        agent.goto(f"/returns/RMA-{number}/")
        choose_two_units(agent)
        agent.get_by_role("button", name="Continue").click()
        agent.get_by_role("button", name="Ask for approval of $261.12").click()
        agent.wait_for_url(REFUND)
    expect(agent.get_by_role("button", name="Approve…")).to_be_disabled()
    expect(agent.locator("main")).to_contain_text("nobody approves a refund that they made")
    hold_ends()
    assert booked() == []

    lead = sit(Role.LEAD)
    lead.goto("/")
    lead.keyboard.press("g")
    lead.keyboard.press("p")
    lead.wait_for_url("**/approvals/")
    lead.keyboard.press("j")
    lead.keyboard.press("Enter")
    first, second = Refund.objects.order_by("pk")
    lead.wait_for_url(f"**/refunds/{first.identifier}/**")
    lead.keyboard.press("a")
    lead.wait_for_url(f"**/refunds/{first.identifier}/approve/**")
    # A page that has loaded may be a frame away from giving its focus.
    expect(lead.get_by_role("button", name="Approve and pay $261.12")).to_be_focused()
    lead.keyboard.press("Enter")
    lead.wait_for_url(f"**/refunds/{second.identifier}/**")
    lead.keyboard.press("d")
    lead.wait_for_url(f"**/refunds/{second.identifier}/cancel/**")
    expect(lead.get_by_label("Reason")).to_be_focused()
    lead.keyboard.type("Not damaged")
    lead.keyboard.press("Tab")
    lead.keyboard.press("Enter")
    lead.wait_for_url("**/approvals/")
    hold_ends()
    assert [row.status for row in Refund.objects.order_by("pk")] == ["paid", "canceled"]
    assert booked() == [("ORD-1", 26112, "paid")]


def test_notes_and_refunds_are_one_key_away(world: World, sit: Callable[..., Page]) -> None:
    page = sit(Role.AGENT)
    for url, form in (("/orders/ORD-1/", "/refunds/new/ORD-1/"), ("/returns/RMA-1/", "?rma=RMA-1")):
        page.goto(url)
        page.keyboard.press("n")
        expect(page.get_by_label("Write a note")).to_be_focused()
        page.keyboard.type("r")
        page.get_by_role("heading", level=1).click()
        page.keyboard.press("r")
        page.wait_for_url(f"**{form}")


def test_a_queue_is_worked_with_the_keyboard(
    store: Store, send_rma: Callable[..., Any], drain: Callable[[], str], sit: Callable[..., Page]
) -> None:
    send_rma(b"not json")
    send_rma(b"nor this")
    drain()
    first, second = Item.objects.order_by("pk")
    page = sit(Role.AGENT)
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/attention/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/attention/({first.pk}|{second.pk})/"))
    opened, other = (first, second) if f"/{first.pk}/" in page.url else (second, first)
    page.keyboard.press(".")
    page.wait_for_url(f"**/attention/{other.pk}/**")
    page.keyboard.press(".")
    page.wait_for_url(f"**/attention/{opened.pk}/**")
    page.keyboard.press("t")
    expect(page.locator("main")).to_contain_text(re.compile(r"Owner\s*You"))
    page.keyboard.press("d")
    expect(page.get_by_label("Note")).to_be_focused()
    page.keyboard.type("Sent by a test of theirs")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/attention/{other.pk}/**")
    opened.refresh_from_db()
    other.refresh_from_db()
    assert (opened.resolution, opened.owner and opened.owner.username) == (
        "Sent by a test of theirs",
        "agent",
    )
    assert (opened.resolved_at is None, other.resolved_at is None) == (False, True)


def test_who_may_only_read_is_refused_by_page_and_server(
    parcel: Callable[..., None], sit: Callable[..., Page]
) -> None:
    parcel()
    reader, agent = sit(Role.READ_ONLY), sit(Role.AGENT)
    reader.goto("/returns/RMA-1/")
    for name in ("Refund…", "Cancel return…", "Add the note"):
        expect(reader.get_by_role("button", name=name)).to_be_disabled()
    expect(reader.get_by_role("button", name="Refund…")).to_have_attribute(
        "title",
        re.compile(r"Making refunds needs one of these roles: .* is Read-only\."),
    )
    agent.goto("/returns/RMA-1/")
    forms = {"/returns/RMA-1/cancel/": {"reason": "x"}, "/returns/RMA-1/case/note/": {"text": "x"}}
    assert [post(reader, url, values) for url, values in forms.items()] == [403, 403]
    assert (Note.objects.count(), Rma.objects.get().is_cancellation_requested) == (0, False)
    assert [post(agent, url, values) for url, values in forms.items()] == [302, 302]
    assert (Note.objects.count(), Rma.objects.get().is_cancellation_requested) == (1, True)


def test_without_scripts_find_refund_and_note(
    parcel: Callable[..., None], sit: Callable[..., Page], hold_ends: Callable[[], None]
) -> None:
    parcel()
    page = sit(Role.AGENT, has_scripts=False)
    page.goto("/")
    page.get_by_role("searchbox").fill("ada@example.com")
    page.keyboard.press("Enter")
    page.wait_for_url("**/orders/ORD-1/**")
    page.get_by_role("link", name="RMA-1").first.click()
    page.get_by_label("Write a note").fill("Wants it today")
    page.get_by_role("button", name="Add the note").click()
    expect(page.locator(".notes .note-text")).to_have_text("Wants it today")
    choose_two_units(page)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Refund $261.12").dblclick()
    expect(page).to_have_url(REFUND, timeout=SOON)
    assert Refund.objects.get().total_refund_amount_cents == 26112
    hold_ends()
    assert booked() == [("ORD-1", 26112, "paid")]
    assert Note.objects.get().text == "Wants it today"
    page.reload()
    expect(done_ticks(page)).to_have_text(["Decided", "Paid", "Reported"])
