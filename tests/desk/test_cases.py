"""The pages of an order, a return and a refund: exact figures, states and reasons."""

import re
from html import unescape

import pytest
from django.test import Client

from apps.refunds.models import Refund
from apps.stores.models import Store
from tests.desk.conftest import World, deliver, take, work_off
from tests.support import builders
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db


def text_of(page: bytes | str) -> str:
    """Returns what a person reads on a page, with single spaces."""
    html = page.decode() if isinstance(page, bytes) else page
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html.split("<main")[-1])))


def test_the_order_page_adds_up(world: World, lead: Client) -> None:
    text = text_of(lead.get("/orders/ORD-1/").content)
    assert "Paid by lines $522.24 $512.00 − $0.00 + $10.24 tax" in text
    assert "Captured $522.24 $522.24 not gone back, $261.12 of it waits" in text
    assert "Refunded $0.00 $261.12 waits" in text
    assert "Refundable $261.12 shipped, not refunded" in text
    assert "4 4 0 2 $128.00 $512.00 $0.00 $10.24 $522.24 $261.12" in text
    assert "In transit TRANSIT" in text
    assert "Ada Example" in text


def test_the_order_page_warns_of_its_header(store: Store, lead: Client) -> None:
    take(store, identifier="ORD-H", total_amount_cents=53000)
    text = text_of(lead.get("/orders/ORD-H/").content)
    assert "header says $530.00, its lines and shipping add up to $522.24" in text
    assert "a difference of $7.76" in text


def test_the_four_ticks_fill_up(store: Store, optoro: FakeOptoro, lead: Client) -> None:
    take(store, identifier="ORD-1")
    units = [builders.unit(), builders.unit()]
    deliver(store, builders.rma(units=units, tracking="TRANSIT"))
    work_off()
    page = lead.get("/orders/ORD-1/").content.decode()
    assert page.count('<li class="done"><span class="tick-label">') == 3
    assert "$261.12 paid to the payment of order ORD-1, reference sim_" in text_of(page)
    deliver(store, builders.rma(units=units, tracking="TRANSIT", status="REFUNDED", minute=5))
    work_off()
    page = lead.get("/orders/ORD-1/").content.decode()
    assert page.count('<li class="done"><span class="tick-label">') == 4
    assert "REFUNDED" in text_of(page)


def test_the_secondary_identifier_leads_to_the_order(store: Store, lead: Client) -> None:
    take(store, identifier="ORD-1", secondary_identifier="WEB-1")
    assert lead.get("/orders/WEB-1/")["Location"] == "/orders/ORD-1/"
    assert lead.get("/orders/ORD-1")["Location"] == "/orders/ORD-1/"
    assert lead.get("/orders/ORD-2/").status_code == 404


def test_the_timeline_shows_before_and_after(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    take(store, identifier="ORD-1")
    for minute, tracking in enumerate([None, "PRE_TRANSIT", "TRANSIT"]):
        deliver(store, builders.rma(units=[builders.unit()], tracking=tracking, minute=minute))
        work_off()
    text = text_of(lead.get("/returns/RMA-1/").content)
    assert "line 1, unit 1: parcel PRE_TRANSIT → became TRANSIT" in text
    assert text.index("PRE_TRANSIT → became TRANSIT") < text.index("— → became PRE_TRANSIT")
    page = lead.get("/returns/RMA-1/").content.decode()
    assert 'title="2026-01-28 10:02:00 UTC"' in page


def test_times_are_the_stores(store: Store, lead: Client) -> None:
    store.time_zone = "Asia/Tokyo"
    store.save()
    take(store, identifier="ORD-1", created_at="2026-01-22T23:30:00Z")
    page = lead.get("/orders/ORD-1/").content.decode()
    assert re.search(r'title="2026-01-22 23:30:00 UTC">Jan 23(, 2026)?, 08:30<', page)


def test_an_unknown_time_zone_counts_as_utc(store: Store, lead: Client) -> None:
    store.time_zone = "Mars/Olympus"
    store.save()
    assert "Times are UTC" in lead.get("/").content.decode()


def test_the_return_page_says_why_a_unit_waits(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    take(store, identifier="ORD-1")
    deliver(
        store,
        builders.rma(
            units=[
                builders.unit(),
                builders.unit(package_tracking_status="FAILURE", tracking_number="T"),
            ]
        ),
    )
    work_off()
    text = text_of(lead.get("/returns/RMA-1/").content)
    assert "Not refunded yet: waits for the carrier's scan." in text
    assert "A person decides: the parcel failed." in text
    assert "Optoro estimates $261.12 to the shopper; 2 units worth $261.12" in text
    assert "No refund yet." in text


def test_a_return_of_an_unknown_order_has_no_currency(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    deliver(store, builders.rma(units=[builders.unit("ORD-9")]))
    work_off()
    text = text_of(lead.get("/returns/RMA-1/").content)
    assert "Order ORD-9 is not known yet." in text
    assert "¤130.56" in text
    assert "¤130.56" in text_of(lead.get("/returns/").content)


def test_the_refund_page_shows_its_parts(store: Store, optoro: FakeOptoro, lead: Client) -> None:
    store.charges_return_shipping = True
    store.save()
    take(store, identifier="ORD-1")
    deliver(
        store,
        builders.rma(units=[builders.unit()], tracking="TRANSIT", return_shipping_cost_cents=700),
    )
    work_off()
    refund = Refund.objects.get()
    text = text_of(lead.get(f"/refunds/{refund.identifier}/").content)
    assert "Shopper original payment $123.56" in text
    assert "Optoro settlement $0.00" in text
    assert "Retained return shipping $7.00" in text
    assert "Total reported to Optoro $130.56" in text
    assert refund.payouts.get().gateway_reference in text
    assert str(refund.payouts.get().idempotency_key) in text
    assert "Approve…" not in text
    assert "Cancel…" not in text


def test_a_refund_reported_by_the_order_system(store: Store, lead: Client) -> None:
    reported = {
        "identifier": "EXT-1",
        "total_refund_amount_cents": 1500,
        "refund_line_items": [],
        "refund_transactions": [],
        "created_at": "2026-01-24T10:00:00Z",
        "note": "goodwill",
        "rma_identifier": "RMA-UNKNOWN",
    }
    take(store, identifier="ORD-1", refunds=[reported])
    text = text_of(lead.get("/refunds/EXT-1/").content)
    assert "Paid outside the desk" in text
    assert "Total reported to Optoro $15.00" in text
    assert "EXT-1" in text_of(lead.get("/orders/ORD-1/").content)
    assert "EXT-1" in text_of(lead.get("/refunds/").content)


def test_yen_have_no_decimals(store: Store, lead: Client) -> None:
    take(store, identifier="ORD-Y", currency="JPY")
    assert "¥52,224" in text_of(lead.get("/orders/ORD-Y/").content)


def test_a_long_timeline_is_cut(store: Store, lead: Client) -> None:
    for second in range(60):
        take(
            store,
            identifier="ORD-1",
            note=str(second),
            updated_at=f"2026-01-23T10:00:{second:02d}Z",
        )
    take(store, identifier="ORD-1", note="last", updated_at="2026-01-23T10:01:00Z")
    page = lead.get("/orders/ORD-1/").content.decode()
    assert page.count('class="event-head"') == 60
    assert "Show the whole timeline" in page
    assert lead.get("/orders/ORD-1/?timeline=all").content.decode().count("event-head") == 61
