"""The list of exchange orders and the page of one: figures, reasons, links, what differs."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.attention.models import Item
from apps.exchanges.models import ExchangeOrder
from apps.inbox.models import Delivery
from apps.stores.models import Store
from tests.desk.conftest import World, deliver, exchange, take, work_off
from tests.desk.test_cases import text_of
from tests.desk.test_pages import HOSTILE
from tests.support import builders
from tests.support.exchange_requests import gift_card, item, post, request, variant

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(store: Store, optoro: object) -> Store:
    """ORD-1, returned by RMA-1, exchanged for two of sku1236 and a gift card."""
    take(store, identifier="ORD-1")
    deliver(store, builders.rma(units=[builders.unit(exchange_order_identifier="ORD-1-X")]))
    work_off()
    variant(store)
    exchange(store, items=[item(quantity=2), gift_card()], note="ring twice")
    return store


def test_the_page_spells_out_where_every_amount_came_from(shop: Store, lead: Client) -> None:
    text = text_of(lead.get("/exchanges/ORD-1-X/").content)
    assert "Exchange order ORD-1-X To be shipped $366.12" in text
    assert "Product $356.00 before discount and tax" in text
    assert "Tax $5.12 at the original rate" in text
    assert "Bonus credit $5.00 added to gift cards" in text
    assert "Total $366.12 what Optoro was answered" in text
    assert "2 $128.00 $256.00 $0.00 $5.12 $0.00 $261.12" in text
    assert "Price $128.00 a piece, the catalog's price. Tax 2% of $256.00, rounded half up." in text
    assert "line 1 (of the item's variant): $10.24 tax on $512.00." in text
    assert "Optoro reckoned with $128.00 a piece and $10.24 tax; the desk’s figures were" in text
    assert "1 — $100.00 $0.00 $0.00 $5.00 $105.00" in text
    assert "A gift card bears no tax. Given for 1 × sku-1 sku-1 · line 1" in text
    assert '"order_identifier": "ORD-1-X", "total_amount_cents": 36612' in text
    assert "Ada Example 1 Example Street Springfield, IL 62701 US" in text
    assert "8ef05fb8-283e-4edd-a3d7-47f9fe520cfe" in text
    assert "Note ring twice" in text
    assert "Not in the order system yet." in text


def test_pages_link_to_each_other(shop: Store, lead: Client) -> None:
    page = lead.get("/exchanges/ORD-1-X/").content.decode()
    message = Delivery.objects.get(topic="exchange_order")
    for link in ("/orders/ORD-1/", "/returns/RMA-1/", f"/messages/{message.pk}/"):
        assert f'href="{link}"' in page
    for url in ("/orders/ORD-1/", "/returns/RMA-1/", f"/messages/{message.pk}/", "/exchanges/"):
        assert 'href="/exchanges/ORD-1-X/' in lead.get(url).content.decode(), url
    unit = lead.get("/returns/RMA-1/").content.decode()
    assert 'Exchange order <a href="/exchanges/ORD-1-X/">' in unit


def test_a_unit_may_name_an_exchange_order_that_is_not_there(
    store: Store, lead: Client, optoro: object
) -> None:
    take(store, identifier="ORD-1")
    deliver(store, builders.rma(units=[builders.unit(exchange_order_identifier="EX-9")]))
    work_off()
    assert 'href="/search/?q=EX-9"' in lead.get("/returns/RMA-1/").content.decode()


def test_the_order_that_it_became_is_shown_with_what_has_shipped(shop: Store, lead: Client) -> None:
    take(shop, identifier="ORD-1-X", lines=[builders.line(quantity=2, quantity_shipped=1)])
    text = text_of(lead.get("/exchanges/ORD-1-X/").content)
    assert "Exchange order ORD-1-X Shipped" in text
    assert "Order ORD-1-X Shipped 1 of 2 pieces shipped" in text
    own = text_of(lead.get("/orders/ORD-1-X/").content)
    assert "ORD-1-X this order" in own


def test_the_units_that_pay_and_what_a_cancellation_would_mean(shop: Store, lead: Client) -> None:
    page = lead.get("/exchanges/ORD-1-X/").content.decode()
    text = text_of(page.encode())
    assert "RMA-1 order ORD-1" in text
    assert "Goods $361.12 total without bonus credit" in text
    assert "Only the order system can cancel it" in text
    assert "Optoro is owed nothing for its goods then; nothing of them is settled." in text
    assert "Order ORD-1 gets no other exchange order" in text
    assert 'href="/settlement/?search=ORD-1-X"' in page
    take(shop, identifier="ORD-1-X", status="Canceled", lines=[builders.line(quantity=2)])
    text = text_of(lead.get("/exchanges/ORD-1-X/").content)
    assert "It is canceled" in text
    assert "Only the order system can cancel it" not in text


def test_collisions_show_what_differs(shop: Store, lead: Client) -> None:
    changed = request(items=[item(quantity=2), gift_card()], note="leave at the door")
    changed["items"][0]["discount_amount_cents"] = 250
    for _ in range(2):
        assert post(changed).status_code == 200
    text = text_of(lead.get("/exchanges/ORD-1-X/").content)
    assert "A second, different exchange order was asked for" in text
    assert "items[0].discount_amount_cents $0.00 $2.50" in text
    assert "note ring twice leave at the door" in text
    assert ", 2 times, last" in text
    assert "Asked for differently" in text_of(lead.get("/exchanges/").content)
    found = Item.objects.get(kind="exchange_collision")
    shown = lead.get(reverse("desk:attention-item", args=[found.pk])).content.decode()
    assert "/exchanges/?search=ORD-1" in lead.get("/attention/").content.decode()
    assert "Optoro allows one exchange order per original order" in shown


def test_what_needs_a_look_stands_on_its_page(shop: Store, lead: Client) -> None:
    take(shop, identifier="ORD-2")
    exchange(shop, "ORD-2", [item("sku-new")])
    text = text_of(lead.get("/exchanges/ORD-2-X/").content)
    assert "The catalog has no sku-new: the request's price of $128.00 was taken." in text
    assert "Not in catalog" in text
    assert "/exchanges/ORD-2-X/" in lead.get("/attention/").content.decode()


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ("search=ORD-1", True),
        ("search=ORD-1-X", True),
        ("search=RMA-1", True),
        ("search=Ada@Example.com", True),
        ("search=8ef05fb8-283e-4edd-a3d7-47f9fe520cfe", True),
        ("search=ORD", False),
        ("status=placed", True),
        ("status=shipped", False),
        ("status=canceled", False),
        ("requests=differ", False),
        ("since=2020-01-01", True),
        ("until=2020-01-01", False),
    ],
)
def test_the_list_is_narrowed(shop: Store, lead: Client, query: str, is_there: bool) -> None:
    page = lead.get(f"/exchanges/?{query}").content.decode()
    assert ('href="/exchanges/ORD-1-X/' in page) == is_there
    assert ("No results for this filter" in page) != is_there


@pytest.mark.parametrize("text", ["ORD-1-X", "8EF05FB8-283e-4edd-a3d7-47f9fe520cfe", "8ef05f"])
def test_the_search_finds_it(shop: Store, lead: Client, text: str) -> None:
    assert lead.get("/search/", {"q": text})["Location"] == "/exchanges/ORD-1-X/"


def test_the_search_lists_it_beside_the_order_it_became(shop: Store, lead: Client) -> None:
    take(shop, identifier="ORD-1-X")
    page = lead.get("/search/", {"q": "ORD-1-X"}).content.decode()
    assert 'href="/orders/ORD-1-X/"' in page
    assert 'href="/exchanges/ORD-1-X/"' in page


def test_nothing_leaks_from_the_store_next_door(
    shop: Store, other_store: Store, lead: Client
) -> None:
    take(other_store, identifier="B-1")
    theirs = exchange(other_store, "B-1", payment={"transaction_id": "theirs"})
    assert theirs.order_identifier == "B-1-X"
    assert lead.get("/exchanges/B-1-X/").status_code == 404
    assert "B-1-X" not in lead.get("/exchanges/").content.decode()
    assert "is called that" in lead.get("/search/", {"q": "theirs"}).content.decode()


@pytest.mark.parametrize(("original", "state"), [("ORD-1", "processed"), ("NONE", "refused")])
def test_an_answered_message_cannot_be_replayed_and_says_why(
    shop: Store, lead: Client, original: str, state: str
) -> None:
    post(request(original))
    found = Delivery.objects.filter(topic="exchange_order", subject=original).latest("pk")
    url = reverse("desk:delivery", args=[found.pk])
    page = lead.get(url).content.decode()
    assert "cannot be replayed" in page
    assert " disabled>Replay</button>" in page
    answer = lead.post(reverse("desk:delivery-replay", args=[found.pk]), follow=True)
    assert "cannot be replayed" in answer.content.decode()
    found.refresh_from_db()
    assert found.state == state
    assert lead.get("/messages/").status_code == 200


def test_hostile_values_are_only_text(shop: Store, lead: Client) -> None:
    take(shop, identifier=f"H{HOSTILE}")
    hostile = item(HOSTILE, title=HOSTILE, original_item_identifier=HOSTILE, concept=HOSTILE)
    message = request(f"H{HOSTILE}", [hostile], note=HOSTILE, rma_identifier=HOSTILE)
    for name in ("shipping_address", "billing_address", "customer"):
        message[name] = dict.fromkeys(message[name], HOSTILE[:60])
    message["payment"] = {"transaction_id": HOSTILE}
    assert post(message).status_code == 200
    assert post({**message, HOSTILE: HOSTILE}).status_code == 200
    placed = ExchangeOrder.objects.get(note=HOSTILE)
    for url in (
        reverse("desk:exchange", args=[placed.order_identifier]),
        reverse("desk:delivery", args=[placed.delivery_id]),
        "/exchanges/",
        "/attention/",
    ):
        answer = lead.get(url)
        assert answer.status_code == 200, url
        page = answer.content.decode()
        assert "<script>alert" not in page, url
        assert "<img" not in page, url


def test_an_unknown_exchange_order_is_404(world: World, lead: Client) -> None:
    assert lead.get("/exchanges/NONE/").status_code == 404
    assert lead.get("/exchanges/ORD-1/").status_code == 404
