"""The timeline of an order and of a return: one list, its filters, and its differences; and the
steps of a unit with their times."""

import re
from html import unescape

import pytest
from django.test import Client

from apps.desk.reads.timeline import together
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.desk.conftest import World, deliver, take, work_off
from tests.support import builders
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db

ORDER, RMA = "/orders/ORD-1/", "/returns/RMA-1/"


def timeline(browser: Client, url: str) -> str:
    """Returns what a person reads in the timeline of a page."""
    html = browser.get(url).content.decode().split('id="h-timeline"')[1].split("</section>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def test_each_filter_shows_its_own(world: World, lead: Client) -> None:
    lead.post(f"{RMA}case/note/", {"text": "called the shopper"})
    lead.post(f"{RMA}case/assign/", {"assignee": "ana", "seen": ""})
    message, money, note = "Return started: 2 units", "Refund of $261.12", "called the shopper"
    person = "Assigned to ana"
    for url in (RMA, ORDER):
        for query, shown in (
            ("", {message, money, note, person}),
            ("?show=messages", {message}),
            ("?show=money", {money}),
            ("?show=people", {note, person}),
            ("?show=notes", {note}),
            ("?show=nonsense", {message, money, note, person}),
        ):
            text = timeline(lead, url + query)
            found = {part for part in (message, money, note, person) if part in text}
            assert found == shown, (url, query)


def test_an_empty_filter_leads_back(world: World, lead: Client) -> None:
    text = timeline(lead, f"{RMA}?show=notes")
    assert "Nothing of this kind has happened. Show everything ." in text


def test_the_whole_is_asked_for_within_the_filter(world: World, lead: Client) -> None:
    Event.objects.bulk_create(
        Event(
            store=world.store,
            kind="refund.test",
            summary=f"step {number}",
            occurred_at="2026-01-01T00:00:00Z",
            actor_kind="system",
            rma_identifier="RMA-1",
        )
        for number in range(61)
    )
    page = lead.get(f"{RMA}?show=money").content.decode()
    assert f'href="{RMA}?show=money&amp;timeline=all#h-timeline"' in page
    assert timeline(lead, f"{RMA}?show=money").count("step ") == 60
    whole = timeline(lead, f"{RMA}?show=money&timeline=all")
    assert whole.count("step ") == 61
    assert "Show the whole timeline" not in whole
    assert "Return started" not in whole


def test_a_return_shows_what_people_did_about_its_order_and_nothing_else_of_it(
    world: World, lead: Client
) -> None:
    lead.post(f"{ORDER}case/flag/", {"reason": "fraud?"})
    text = timeline(lead, RMA)
    assert "Flagged: fraud?" in text
    assert "Order received" not in text
    assert "Order received" in timeline(lead, ORDER)


def test_units_that_changed_alike_are_one_difference(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    take(store, identifier="ORD-1")
    units = [builders.unit() for _ in range(3)]
    deliver(store, builders.rma(units=units, tracking="PRE_TRANSIT"))
    deliver(store, builders.rma(units=units, tracking="TRANSIT", minute=1))
    work_off()
    assert "line 1, units 1, 2, 3: parcel PRE_TRANSIT → became TRANSIT" in timeline(lead, RMA)


def test_differences_keep_what_they_cannot_put_together() -> None:
    changes = [
        {"field": "unit 1#1 sku", "before": "a", "after": "b"},
        {"field": "unit 1#2 sku", "before": "a", "after": "c"},
        {"field": "unit 2#1 sku", "before": "a", "after": "b"},
        {"field": "status", "before": "CREATED", "after": "REFUNDED"},
    ]
    assert [change["label"] for change in together(changes)] == [
        "line 1, unit 1: sku",
        "line 1, unit 2: sku",
        "line 2, unit 1: sku",
        "status",
    ]
    assert together([]) == []


def test_a_due_date_is_told_on_the_stores_clock(world: World, lead: Client) -> None:
    lead.post(f"{RMA}case/due/", {"due_on": "2999-01-31"})
    assert "— → became Jan 31, 2999, 23:59" in timeline(lead, RMA)


def test_a_note_has_no_raw_message(world: World, lead: Client) -> None:
    lead.post(f"{RMA}case/note/", {"text": "called"})
    assert "/raw/note/" not in lead.get(RMA).content.decode()
    assert "/raw/delivery/" in lead.get(RMA).content.decode()


def test_the_steps_of_a_unit_have_their_times(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    store.refund_trigger = "manual"
    store.save()
    take(store, identifier="ORD-1")
    for minute, tracking in enumerate([None, "ACCEPTED", "TRANSIT"]):
        deliver(store, builders.rma(units=[builders.unit()], tracking=tracking, minute=minute))
    received = builders.unit(receiving_status="RECEIVED")
    deliver(store, builders.rma(units=[received], tracking="DELIVERED", minute=3))
    work_off()
    html = lead.get(RMA).content.decode().split('<ol class="steps"')[1].split("</ol>")[0]
    steps = re.findall(r'<span class="step-label">([^<]+)</span>(.*?)</li>', html, re.S)
    assert [label for label, _ in steps] == [
        "Started",
        "Handed over",
        "In transit",
        "Received",
        "Decided",
        "Paid",
        "Reported",
        "Confirmed",
    ]
    times = [re.search(r'title="([^"]+) UTC"', rest) for _, rest in steps]
    assert [found[1] if found else None for found in times] == [
        "2026-01-27 23:25:09",
        "2026-01-28 10:01:00",
        "2026-01-28 10:02:00",
        "2026-01-28 10:03:00",
        None,
        None,
        None,
        None,
    ]


def test_units_that_cannot_be_told_apart_have_no_times(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    for order in ("ORD-1", "ORD-2"):
        take(store, identifier=order)
    units = [builders.unit("ORD-1"), builders.unit("ORD-2")]
    deliver(store, builders.rma(units=units, tracking="PRE_TRANSIT"))
    deliver(store, builders.rma(units=units, tracking="TRANSIT", minute=1))
    work_off()
    html = lead.get(RMA).content.decode()
    handed = re.findall(r'<span class="step-label">Handed over</span>(.*?)</li>', html, re.S)
    assert len(handed) == 2
    assert not any("<time" in rest for rest in handed)


def test_delivered_is_not_received_yet(store: Store, optoro: FakeOptoro, lead: Client) -> None:
    take(store, identifier="ORD-1")
    deliver(store, builders.rma(units=[builders.unit()], tracking="DELIVERED"))
    work_off()
    page = lead.get(RMA).content.decode()
    assert '<li class="waiting" title="delivered, not received yet">' in page
