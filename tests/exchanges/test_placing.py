"""Placing exchange orders through the front door: amounts, identifiers, traces, what follows."""

import json
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from apps.attention.models import Item
from apps.exchanges.models import ExchangeLine, ExchangeOrder
from apps.exchanges.queries import (
    exchange_order_named,
    exchange_orders_of_order,
    exchange_orders_of_rma,
)
from apps.inbox.models import Delivery
from apps.orders.models import Order
from apps.outbox.models import Job
from apps.rmas.models import Rma
from apps.timeline.models import Event
from tests.support import builders
from tests.support.exchange_requests import gift_card, item, post, request, variant

pytestmark = pytest.mark.django_db

SCENARIOS = Path(django_settings.BASE_DIR).parent / "shared" / "optoro" / "scenarios"
EVEN = {
    "order_identifier": "ORD-1-X",
    "total_amount_cents": 52224,
    "product_amount_cents": 51200,
    "tax_amount_cents": 1024,
}


def answered(message, **headers):
    answer = post(message, **headers)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/json"
    return answer.json()


def looks() -> list[str]:
    return list(
        Item.objects.filter(kind="exchange_needs_look", resolved_at=None).values_list(
            "detail", flat=True
        )
    )


# --- The even exchange of the guide ------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/optoro/exchange_orders", "/optoro/exchange_orders/", "/optoro/orders", "/optoro/orders/"],
)
def test_an_even_exchange_costs_what_the_goods_cost(shop, path):
    answer = post(request(), path)
    assert (answer.status_code, answer.json()) == (200, EVEN)
    assert looks() == []


@pytest.mark.parametrize("number", ["03", "13"])
def test_the_guides_samples_get_their_figures(number, store, send_order):
    """Played where the samples are at hand beside the project."""
    found = sorted(SCENARIOS.glob(f"{number}*.json"))
    if not found:
        pytest.skip("the samples are not here")
    steps = json.loads(found[0].read_text())["steps"]
    bodies = {step["kind"]: step["body"] for step in reversed(steps)}
    for told in bodies["variants_response"]["variants"]:
        variant(store, told["sku"], told["unit_price_amount_cents"], title=told["title"])
    assert send_order(*bodies["returns_portal_order"]["returns_portal_order"]["orders"])
    assert answered(bodies["exchange_order"]) == {**EVEN, "order_identifier": "ORD1234567-X"}
    assert looks() == []


def test_what_was_placed_is_kept_line_by_line(shop):
    answered(request(note="ring twice", is_gift=True))
    placed = ExchangeOrder.objects.get()
    assert placed.original_order == Order.objects.get(identifier="ORD-1")
    assert json.loads(placed.answer_body) == EVEN
    assert (placed.note, placed.is_gift, placed.currency) == ("ring twice", True, "USD")
    assert (placed.customer_name, placed.customer_email) == ("Ada Example", "ada@example.com")
    assert placed.shipping_address["postal_code"] == "62701"
    assert placed.transaction_id == "8ef05fb8-283e-4edd-a3d7-47f9fe520cfe"
    assert placed.original_secondary_order_identifier == "WEB-1"
    line = placed.lines.get()
    assert (line.position, line.sku, line.quantity, line.price_source) == (
        0,
        "sku1236",
        4,
        "catalog",
    )
    assert line.calculation["tax_rate"] == [1, 50]
    assert line.calculation["tax"] == (
        "2% of $512.00, rounded half up. The rate is that of order ORD-1, line 1 "
        "(of the item's variant): $10.24 tax on $512.00."
    )


def test_the_request_is_kept_as_a_message_in_the_same_breath(shop, drain):
    body = builders.body(request()) + b"  "
    post(body, **{"X-Optiturn-Api-Version": "2"})
    delivery = Delivery.objects.get()
    assert bytes(delivery.body) == body
    assert (delivery.topic, delivery.state, delivery.subject, delivery.api_version) == (
        "exchange_order",
        "processed",
        "ORD-1",
        "2",
    )
    assert delivery.next_attempt_at is None
    assert ExchangeOrder.objects.get().delivery_id == delivery.pk
    assert drain().startswith("inbox: 0 processed")


# --- Prices ------------------------------------------------------------------------------------


def test_the_catalog_price_wins_over_the_requests(shop):
    shown = answered(request(items=[item(unit_price_amount_cents=1, product_amount_cents=4)]))
    assert shown["product_amount_cents"] == 51200
    line = ExchangeLine.objects.get()
    assert line.calculation["requested_unit_price_amount_cents"] == 1
    assert looks() == []


def test_where_the_catalog_lacks_the_sku_the_requests_price_is_taken_and_shown(shop):
    shown = answered(request(items=[item("sku-new", quantity=1, unit_price_amount_cents=5000)]))
    assert (shown["product_amount_cents"], shown["tax_amount_cents"]) == (5000, 100)
    assert ExchangeLine.objects.get().price_source == "request"
    assert looks() == ["The catalog has no sku-new: the request's price of $50.00 was taken."]


def test_a_sku_of_several_products_costs_what_the_product_asked_for_costs(shop):
    variant(shop, price=100, variant_identifier="OUTLET")  # told later
    assert answered(request()) == EVEN
    assert looks() == []


def test_the_last_price_of_a_sku_is_taken_and_shown_where_its_product_is_not_named(shop):
    variant(shop, price=10000, variant_identifier="OUTLET")
    shown = answered(request(items=[item(quantity=1, variant_identifier="32174")]))
    assert shown["product_amount_cents"] == 10000
    assert looks() == [
        "The catalog has sku1236 at several prices: $100.00 for product OUTLET, $128.00 for "
        "product 96027. The request names none of these products; the first price, told last, was "
        "taken."
    ]


@pytest.mark.parametrize("others", [1, 12])
def test_a_sku_at_one_price_needs_no_look_and_of_many_prices_ten_are_told(shop, others):
    for number in range(others):
        price = 12800 if others == 1 else 12800 - number
        variant(shop, price=price, variant_identifier=f"P-{number}")
    answered(request(items=[item(quantity=1, variant_identifier=None)]))
    if others == 1:
        assert looks() == []
    else:
        [look] = looks()
        assert "several prices: $127.89 for product P-11, $127.90 for product P-10, " in look
        assert ", $127.98 for product P-2 and 3 more. The request names" in look


def test_an_uneven_exchange_is_taxed_at_the_same_rate(shop):
    variant(shop, "sku-dear", 9999)
    shown = answered(request(items=[item("sku-dear", quantity=1)]))
    # 2% of 9999 is 199.98
    assert (shown["tax_amount_cents"], shown["total_amount_cents"]) == (200, 10199)


def test_a_discount_is_taken_off_before_tax_and_shown_beside_the_product_amount(shop):
    shown = answered(request(items=[item(discount_amount_cents=1200)]))
    assert (shown["product_amount_cents"], shown["tax_amount_cents"]) == (51200, 1000)
    assert shown["total_amount_cents"] == 51000


def test_shipping_is_the_stores_and_bears_no_tax(shop):
    shop.exchange_shipping_amount_cents = 595
    shop.save()
    assert answered(request()) == {**EVEN, "total_amount_cents": 52224 + 595}
    assert ExchangeOrder.objects.get().shipping_amount_cents == 595


def test_a_gift_card_bears_no_tax_and_its_bonus_is_in_the_total_only(shop):
    assert answered(request(items=[gift_card()])) == {
        "order_identifier": "ORD-1-X",
        "total_amount_cents": 10500,
        "product_amount_cents": 10000,
        "tax_amount_cents": 0,
    }
    placed = ExchangeOrder.objects.get()
    assert placed.bonus_credit_amount_cents == 500
    line = placed.lines.get()
    assert (line.is_gift_card, line.bonus_credit_amount_cents) == (True, 500)
    assert line.return_items == [
        {
            "original_sku": "sku-1",
            "original_item_identifier": "1",
            "quantity": 1,
            "title": "",
            "concept": "",
        }
    ]


def test_a_gift_card_may_be_given_by_unit_price_and_without_bonus(shop):
    card = gift_card(quantity=3, unit_price_amount_cents=2500)
    del card["product_amount_cents"], card["bonus_credit_amount_cents"]
    shown = answered(request(items=[card]))
    assert (shown["product_amount_cents"], shown["total_amount_cents"]) == (7500, 7500)


def test_goods_and_a_gift_card_together(shop):
    shown = answered(request(items=[item(quantity=2), gift_card()]))
    assert shown == {
        "order_identifier": "ORD-1-X",
        "total_amount_cents": 25600 + 512 + 10000 + 500,
        "product_amount_cents": 35600,
        "tax_amount_cents": 512,
    }


def test_the_gift_card_is_the_sku_that_the_store_agreed_on(shop):
    shop.gift_card_sku = "CARD"
    shop.save()
    assert answered(request(items=[gift_card(sku="CARD")]))["total_amount_cents"] == 10500


# --- Where the tax rate comes from -------------------------------------------------------------


@pytest.fixture
def mixed(store, send_order):
    """Four lines taxed at 10%, 20%, 5% after a discount, and not at all."""
    lines = [
        builders.line("a", quantity=1, unit_price_amount_cents=1000, tax_amount_cents=100),
        builders.line("b", quantity=1, unit_price_amount_cents=1000, tax_amount_cents=200),
        builders.line(
            "c",
            quantity=2,
            unit_price_amount_cents=1000,
            discount_amount_cents=1000,
            tax_amount_cents=50,
        ),
        builders.line("d", quantity=1, unit_price_amount_cents=1000, tax_amount_cents=0),
    ]
    for position, line in enumerate(lines):
        line["variant_identifier"] = f"v-{line['identifier']}"
        line["product_identifier"] = f"p-{line['identifier']}"
        line["sku"] = f"s-{position}"
    send_order(builders.order("MIX", lines))
    variant(store, price=1000)
    return store


@pytest.mark.parametrize(
    ("named", "tax"),
    [
        ({"original_item_identifier": "b"}, 200),
        ({"original_item_identifier": "c"}, 50),
        ({"original_item_identifier": "d"}, 0),
        (
            {"original_item_identifier": "b", "original_sku": "s-0", "variant_identifier": "v-d"},
            200,
        ),
        ({"original_item_identifier": "gone", "original_sku": "s-0"}, 100),
        ({"original_sku": "s-1", "variant_identifier": "v-a"}, 200),
        ({"variant_identifier": "v-b", "product_identifier": "p-a"}, 200),
        ({"product_identifier": "p-a"}, 100),
        # Nothing in the item tells: 350 of 4000 in all.
        ({"product_identifier": "other"}, 88),
    ],
)
def test_the_rate_is_that_of_the_closest_original_line(mixed, named, tax):
    plain = item(quantity=1, variant_identifier=None, product_identifier=None)
    shown = answered(request("MIX", [{**plain, **named}]))
    assert shown["tax_amount_cents"] == tax


def test_else_the_rate_is_that_of_what_the_rma_returns(mixed, send_rma, drain):
    units = [
        builders.unit("MIX", "b", 1200, refund_type="INSTANT_EXCHANGE"),
        builders.unit("MIX", "a", 1100),
    ]
    send_rma(builders.rma(units=units))
    drain()
    plain = item(quantity=1, variant_identifier=None, product_identifier=None)
    assert answered(request("MIX", [plain]))["tax_amount_cents"] == 200


def test_a_partly_canceled_line_is_taxed_by_the_unit(store, send_order):
    """Contract §10.5: 4 ordered, 1 shipped, tax of all four: the unit is worth 12800 + 256."""
    line = builders.line(quantity_shipped=1, quantity_canceled=3, product_amount_cents=12800)
    send_order(builders.order("CUT", [line]))
    variant(store)
    shown = answered(request("CUT", [item(quantity=1)]))
    assert (shown["tax_amount_cents"], shown["total_amount_cents"]) == (256, 13056)


def test_a_tax_above_the_price_is_no_rate(store, send_order):
    line = builders.line(quantity=1, discount_amount_cents=12799, tax_amount_cents=256)
    send_order(builders.order("FREE", [line]))
    variant(store)
    assert answered(request("FREE", [item(quantity=1)]))["tax_amount_cents"] == 0


# --- Identifiers -------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_not_given_again(shop, send_order):
    send_order(builders.order("ORD-1-X"), builders.order("ORD-1-X2"))
    assert answered(request())["order_identifier"] == "ORD-1-X3"


def test_another_exchange_orders_name_is_not_given_again(store, send_order):
    long = "O" * 254
    send_order(builders.order(long + "A"), builders.order(long + "B"))
    variant(store)
    first = answered(request(long + "A"))["order_identifier"]
    second = answered(request(long + "B"))["order_identifier"]
    assert (first, second) == ("O" * 253 + "-X", "O" * 252 + "-X2")


def test_the_secondary_identifier_names_the_same_order(shop):
    assert answered(request("WEB-1"))["order_identifier"] == "ORD-1-X"
    placed = ExchangeOrder.objects.get()
    assert placed.original_order_identifier == "ORD-1"
    assert placed.named_order_identifier == "WEB-1"


def test_an_exchange_of_an_exchange_order(shop, send_order):
    answered(request())
    lines = [builders.line("1", sku="sku1236")]
    send_order(builders.order("ORD-1-X", lines))
    shown = answered(request("ORD-1-X"))
    assert shown == {**EVEN, "order_identifier": "ORD-1-X-X"}
    own = Order.objects.get(identifier="ORD-1-X")
    assert [str(e) for e in exchange_orders_of_order(own)] == ["ORD-1-X", "ORD-1-X-X"]


# --- Spellings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("postal", ["postal_code", "zip_code", "zip"])
@pytest.mark.parametrize("province", ["province", "state"])
def test_either_spelling_of_an_address_will_do(shop, postal, province):
    message = request()
    for name in ("shipping_address", "billing_address"):
        address = message[name]
        address[postal] = address.pop("postal_code")
        address[province] = address.pop("province")
    assert answered(message) == EVEN
    placed = ExchangeOrder.objects.get()
    assert (placed.billing_address["postal_code"], placed.billing_address["province"]) == (
        "62701",
        "IL",
    )


def test_numbers_for_texts_and_missing_optional_fields(shop):
    message = request()
    for name in ("note", "rma_identifier"):
        del message[name]
    message["customer"] = {"identifier": 219299, "email": "ada@example.com"}
    message["payment"] = {"transaction_id": 77}
    message["shipping_address"]["postal_code"] = 62701
    del message["shipping_address"]["phone"]
    message["items"] = [{"sku": "sku1236", "quantity": 4}]
    assert answered(message) == EVEN
    placed = ExchangeOrder.objects.get()
    assert (placed.transaction_id, placed.rma_identifier, placed.customer_name) == ("77", "", "")
    assert placed.request == message


@pytest.mark.parametrize("version", ["1", "2", ""])
def test_both_versions_and_none_are_served(shop, version):
    assert answered(request(), **{"X-Optiturn-Api-Version": version}) == EVEN
    assert not Item.objects.filter(kind="contract_drift").exists()


def test_another_version_is_served_and_noted(shop):
    assert answered(request(), **{"X-Optiturn-Api-Version": "3"}) == EVEN
    drift = Item.objects.get(kind="contract_drift")
    assert drift.subject == "exchange orders: X-Optiturn-Api-Version=3"


# --- What a person should look at --------------------------------------------------------------


def test_goods_dearer_than_those_that_were_shipped(shop):
    answered(request(items=[item(quantity=5)]))
    assert looks() == [
        "It costs $652.80 without bonus credit; the shipped goods of order ORD-1 cost $522.24."
    ]


def test_bonus_credit_does_not_count_against_the_goods(shop):
    card = gift_card(product_amount_cents=52224, bonus_credit_amount_cents=9999)
    answered(request(items=[card]))
    assert looks() == []


def test_items_that_the_order_does_not_have(shop):
    returned = [{"original_sku": "s", "original_item_identifier": "9", "quantity": 1}]
    answered(
        request(
            items=[item(quantity=1, original_item_identifier="8"), gift_card(return_items=returned)]
        )
    )
    assert looks() == [
        "It is for item '8' of order ORD-1, which has no such item. "
        "It is for item '9' of order ORD-1, which has no such item."
    ]


# --- What follows ------------------------------------------------------------------------------


def test_the_return_is_looked_at_again_and_both_timelines_tell(shop, send_rma, drain):
    send_rma(builders.rma())
    drain()
    before = Job.objects.filter(topic="rma.evaluate").count()
    answered(request())
    rma = Rma.objects.get()
    waiting = Job.objects.get(topic="rma.evaluate", state="waiting")
    assert (waiting.key, Job.objects.filter(topic="rma.evaluate").count()) == (
        str(rma.pk),
        before + 1,
    )
    event = Event.objects.get(kind="exchange.placed")
    assert event.summary == "Exchange order ORD-1-X placed: $522.24"
    assert (event.order_identifier, event.rma_identifier) == ("ORD-1", "RMA-1")
    assert (event.message_kind, event.message_id) == (
        "delivery",
        Delivery.objects.get(topic="exchange_order").pk,
    )
    assert [str(e) for e in exchange_orders_of_rma(rma)] == ["ORD-1-X"]


def test_a_return_that_only_its_units_tie_to_the_exchange_is_found(shop, send_rma, drain):
    send_rma(builders.rma("RMA-7", units=[builders.unit(exchange_order_identifier="ORD-1-X")]))
    drain()
    answered(request(rma_identifier="RMA-NOT-KNOWN"))
    rma = Rma.objects.get()
    assert Job.objects.filter(topic="rma.evaluate", state="waiting", key=str(rma.pk)).exists()
    assert [str(e) for e in exchange_orders_of_rma(rma)] == ["ORD-1-X"]


def test_queries_keep_to_the_store(shop):
    answered(request())
    assert str(exchange_order_named(shop.pk, "ORD-1-X")) == "ORD-1-X"
    assert exchange_order_named(shop.pk, "ORD-1") is None
    assert exchange_order_named(shop.pk + 1, "ORD-1-X") is None
