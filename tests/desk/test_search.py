"""One box finds anything, in one's own store only."""

import pytest
from django.test import Client

from apps.refunds.models import Refund
from apps.stores.models import Store
from tests.desk.conftest import PARCEL, World, deliver, take, work_off
from tests.support import builders

pytestmark = pytest.mark.django_db


def find(browser: Client, text: str) -> str:
    """Returns where a search leads, or the page it answers with."""
    answer = browser.get("/search/", {"q": text})
    return answer["Location"] if answer.status_code == 302 else answer.content.decode()


@pytest.fixture
def goods(store: Store, optoro: object) -> Store:
    """Two orders; the second one has an RMA for a gift, and a refund."""
    take(store, identifier="A-100", lines=[builders.line(tracking_number="1ZFIRST")])
    take(
        store,
        identifier="A-200",
        secondary_identifier="WEB-9",
        customer={**builders.order()["customer"], "email": "Bea@Example.com"},
        lines=[builders.line(tracking_number="1ZSECOND")],
    )
    deliver(
        store,
        builders.rma(
            "R-77",
            units=[builders.unit("A-200")],
            tracking="TRANSIT",
            gift_refund_only=True,
            giftee_email="gift@example.com",
        ),
    )
    work_off()
    return store


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("A-100", "/orders/A-100/"),
        ("  a-100  ", "/orders/A-100/"),
        ("#A-100", "/orders/A-100/"),
        ("WEB-9", "/orders/A-200/"),
        ("ada@example.com", "/orders/A-100/"),
        ("Bea@Example.com", "/orders/A-200/"),
        ("1ZFIRST", "/orders/A-100/"),
        ("R-77", "/returns/R-77/"),
        ("GIFT@example.com", "/returns/R-77/"),
        (PARCEL, "/returns/R-77/"),
    ],
)
def test_each_key_leads_to_its_page(text: str, address: str, goods: Store, lead: Client) -> None:
    assert find(lead, text) == address


def test_refunds_are_found_in_small_letters(goods: Store, lead: Client) -> None:
    refund = Refund.objects.get()
    assert find(lead, refund.identifier.lower()) == f"/refunds/{refund.identifier}/"


def test_a_beginning_finds_all_that_begin_so(goods: Store, lead: Client) -> None:
    page = find(lead, "1ZF")
    assert page == "/orders/A-100/"
    page = find(lead, "A-1")
    assert page == "/orders/A-100/"
    take(goods, identifier="A-101")
    page = find(lead, "A-10")
    assert "/orders/A-100/" in page
    assert "/orders/A-101/" in page


def test_an_exact_hit_wins_over_beginnings(goods: Store, lead: Client) -> None:
    take(goods, identifier="A-1000")
    assert find(lead, "A-100") == "/orders/A-100/"


def test_several_exact_hits_are_listed_by_kind(goods: Store, lead: Client) -> None:
    take(goods, identifier="R-77", customer={**builders.order()["customer"], "email": "x@x.y"})
    page = find(lead, "R-77")
    assert "/orders/R-77/" in page
    assert "/returns/R-77/" in page


def test_two_letters_find_no_beginnings(goods: Store, lead: Client) -> None:
    assert "is called that" in find(lead, "A-")


def test_an_rma_is_found_by_an_order_that_is_not_known_yet(goods: Store, lead: Client) -> None:
    deliver(goods, builders.rma("R-88", units=[builders.unit("A-999")]))
    work_off()
    assert find(lead, "A-999") == "/returns/R-88/"


@pytest.mark.parametrize("text", ["", "   ", "%", "nothing", "x" * 5000, "a\x00b", "'; --"])
def test_nothing_found_says_what_can_be_searched(text: str, goods: Store, lead: Client) -> None:
    page = find(lead, text)
    assert "RMA identifier" in page
    assert "tracking number" in page


def test_nothing_leaks_from_the_store_next_door(
    goods: Store, other_store: Store, lead: Client
) -> None:
    take(other_store, identifier="B-500", lines=[builders.line(tracking_number="1ZOTHER")])
    deliver(
        other_store,
        builders.rma("R-B5", units=[builders.unit("B-500")], tracking="TRANSIT"),
    )
    work_off()
    refund = Refund.objects.get(store=other_store)
    for text in ("B-500", "B-5", "1ZOTHER", "R-B5", refund.identifier, refund.identifier[:6]):
        found = find(lead, text)
        for address in ("/orders/B-500/", "/returns/R-B5/", f"/refunds/{refund.identifier}/"):
            assert address not in found


def test_what_was_typed_is_shown_escaped(goods: Store, lead: Client) -> None:
    page = find(lead, "<script>alert(1)</script>")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_hit_keeps_odd_identifiers_whole(world: World, lead: Client) -> None:
    take(world.store, identifier="shop/10 #7?x=%41")
    address = find(lead, "shop/10 #7?x=%41")
    assert address == "/orders/shop/10%20%237%3Fx=%2541/"
    assert "shop/10 #7?x=%41" in lead.get(address).content.decode()
