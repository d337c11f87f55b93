"""The shop: varied orders that hold to the contract and whose sums make sense."""

import random
from collections import Counter

import pytest

from apps.common.clock import now
from apps.sandbox.catalogue import BY_API, IN_ORDERS, NOWHERE, PRODUCTS
from apps.sandbox.exchanging import read_variants
from apps.sandbox.plots import PLOTS, Deck, items_to_return
from apps.sandbox.server import simulated_optoro
from apps.sandbox.shop import DEAR, HAS_CHEAPER, MANY_SIZES, NO_VARIANTS, SAME_PRICE, Shop, Wish
from apps.sandbox.state import parse_time
from apps.sandbox.validation import validate_orders
from tests.sandbox.helpers import wrapped

COUNT = 300


@pytest.fixture(scope="module")
def orders():
    deck, shop = Deck(random.Random(5)), Shop(random.Random(5))
    plots = [deck.deal() for _ in range(COUNT)]
    return [shop.new_order(plot.wish, plot.order_ending) for plot in plots]


@pytest.fixture(scope="module")
def snapshots(orders):
    return [snapshot for order in orders for snapshot in order.snapshots]


def total(order, name):
    return sum(item[f"{name}_amount_cents"] for item in order["items"])


def charges(order):
    return [one for one in order["transactions"] if one["type"] in ("SALE", "CAPTURE")]


def paid(order):
    return sum(payment["amount_cents"] for payment in charges(order))


def test_all_are_valid(snapshots):
    for snapshot in snapshots:
        assert validate_orders(wrapped(snapshot)) == []


def test_lines_add_up_to_the_header_and_the_header_to_the_payments(snapshots):
    for order in snapshots:
        for name in ("product", "tax", "discount"):
            assert order[f"{name}_amount_cents"] == total(order, name)
        sums = order["product_amount_cents"] + order["tax_amount_cents"]
        sums += order["shipping_amount_cents"] + order["shipping_tax_amount_cents"]
        assert order["total_amount_cents"] == sums - order["discount_amount_cents"] == paid(order)
        assert sum(d["amount_cents"] for d in order["discounts"]) == order["discount_amount_cents"]


def test_lines_cost_price_times_what_shipped(snapshots):
    for item in (item for order in snapshots for item in order["items"]):
        price = item["unit_price_amount_cents"] * item["quantity_shipped"]
        assert item["product_amount_cents"] == price
        assert item["discount_amount_cents"] in range(item["product_amount_cents"] + 1)


def test_dates_are_in_the_last_months_and_in_order(orders):
    for order in orders:
        stamps = [order.final["created_at"], *(s["updated_at"] for s in order.snapshots)]
        moments = [parse_time(stamp) for stamp in stamps]
        assert moments == sorted(moments)
        age = (parse_time(order.final["created_at"]) - moments[-1]).days
        assert -10 < age <= 0
    oldest = min(parse_time(order.final["created_at"]) for order in orders)
    assert 80 < (now() - oldest).days < 95


def test_what_is_returned_was_paid_for(orders):
    with simulated_optoro(workers=0) as optoro:
        for order, plot in zip(orders, PLOTS * (COUNT // len(PLOTS)), strict=False):
            items = items_to_return(plot, order.final)
            if not items:
                continue
            assert optoro.receive_orders(wrapped(order.final)) == []
            rma = optoro.rma(optoro.start_return(order.identifier, items, plot.return_method,
                                                 giftee_email="a@example.com"))  # fmt: skip
            estimates = [
                unit["refund_financials"]["estimated_refund_amount_cents"] for unit in rma["items"]
            ]
            assert min(estimates) > 0
            assert sum(estimates) <= paid(order.final)


def test_they_are_varied(orders):
    finals = [order.final for order in orders]
    assert {order["currency"] for order in finals} == {"USD", "CAD", "EUR", "GBP", "AUD"}
    assert Counter(order["currency"] for order in finals).most_common(1)[0][0] == "USD"
    assert len({order["customer"]["email"] for order in finals}) > COUNT // 2
    assert len({item["product_identifier"] for order in finals for item in order["items"]}) > 35
    assert {len(order["items"]) for order in finals} >= {1, 2, 3, 4}
    assert any(order["shipping_amount_cents"] for order in finals)
    assert any(len(order.snapshots) == 2 for order in orders)
    items = [item for order in finals for item in order["items"]]
    assert any(item["quantity_canceled"] for item in items)
    assert any(item["tags"] for item in items)
    assert any(item["discount_amount_cents"] % item["quantity"] for item in items)
    assert any(item["tax_amount_cents"] % item["quantity"] for item in items)


def test_identifiers_are_never_repeated(orders):
    assert len({order.identifier for order in orders}) == COUNT
    payments = [p["identifier"] for order in orders for p in order.final["transactions"]]
    assert len(set(payments)) == len(payments)


def test_a_sku_stands_for_one_colour_and_size(orders):
    titles = {}
    for item in (item for order in orders for item in order.final["items"]):
        assert titles.setdefault(item["sku"], item["title"]) == item["title"]
        assert titles.setdefault(item["upc"], item["title"]) == item["title"]
        assert len(item["upc"]) == 12


def test_an_order_that_ships_twice():
    order = Shop(random.Random(1)).new_order(Wish(split=True))
    first, second = order.snapshots
    assert (first["status"], second["status"]) == ("Created", "Shipped")
    assert first["items"][-1]["quantity_shipped"] == 0
    assert first["items"][-1]["product_amount_cents"] == 0
    assert second["items"][-1]["quantity_shipped"] > 0
    assert first["total_amount_cents"] < second["total_amount_cents"]
    assert second["transactions"][0] == first["transactions"][0]


def test_the_same_dice_make_the_same_orders():
    def titles(seed):
        shop = Shop(random.Random(seed))
        return [[item["title"] for item in shop.new_order().final["items"]] for _ in range(20)]

    assert titles(1) == titles(1)
    assert titles(1) != titles(2)


def test_every_plot_is_dealt_before_any_comes_again():
    deck = Deck(random.Random(1))
    first = [deck.deal().name for _ in PLOTS]
    assert len(set(first)) == len(PLOTS)
    assert 35 <= len(PRODUCTS) <= 50


def test_the_variants_are_as_the_contract_wants_them():
    told = [product for product in PRODUCTS if product.variants_are_told != NOWHERE]
    variants = [variant for product in told for variant in product.variants()]
    assert read_variants({"variants": [v for p in told if not p.more_sizes for v in p.variants()]})
    assert len({variant["sku"] for variant in variants}) == len(variants)
    stocks = [variant["quantity_in_stock"] for variant in variants]
    assert min(stocks) == 0
    assert min(stock for stock in stocks if stock) >= 4
    names = [{part["name"] for part in variant["attributes"]} for variant in variants]
    assert {"Color", "Size", "Variant", "Length"} in names
    assert {"Color", "Size", "Length", "all_size"} in names
    assert {product.variants_are_told for product in PRODUCTS} == {BY_API, IN_ORDERS, NOWHERE}


def test_variants_of_some_products_come_with_the_orders(orders):
    items = [item for order in orders for item in order.final["items"]]
    with_variants = [item for item in items if "variants" in item]
    assert 0 < len(with_variants) < len(items)
    for item in with_variants:
        assert item["sku"] in {variant["sku"] for variant in item["variants"]}


@pytest.mark.parametrize("wish", [SAME_PRICE, HAS_CHEAPER, MANY_SIZES, NO_VARIANTS])
def test_the_first_line_is_what_an_exchange_needs(wish):
    shop = Shop(random.Random(3))
    for _ in range(60):
        order = shop.new_order(Wish(first=wish))
        line, product = order.final["items"][0], order.products[0]
        prices = [
            variant["unit_price_amount_cents"]
            for variant in product.variants()
            if variant["quantity_in_stock"] >= line["quantity"]
        ]
        if wish == NO_VARIANTS:
            assert product.variants_are_told == NOWHERE
        elif wish == HAS_CHEAPER:
            assert min(prices) < line["unit_price_amount_cents"]
        else:
            assert line["unit_price_amount_cents"] in prices
            assert bool(product.more_sizes) or wish == SAME_PRICE


def test_brands_and_cards_vary(orders):
    finals = [order.final for order in orders]
    assert len({order["concept"] for order in finals}) == 3
    details = [p["payment_details"] for o in finals for p in o["transactions"]]
    assert len({one["card_brand"] for one in details if one["method"] == "card"}) > 2


def test_about_every_fourth_order_is_paid_with_a_gift_card_and_a_card(orders):
    mixed = [o.final for o in orders if o.final["transactions"][0]["gateway"] == "gift_card"]
    assert COUNT // 6 < len(mixed) < COUNT // 3
    for order in mixed:
        gift, *cards = charges(order)
        assert (gift["type"], gift["parent_identifier"]) == ("SALE", None)
        assert gift["payment_details"]["method"] == "gift_card"
        assert len(gift["payment_details"]["last_digits"]) == 4
        assert gift["amount_cents"] <= order["total_amount_cents"] // 2
        assert {card["payment_details"]["method"] for card in cards} == {"card"}
        assert {card["gateway"] for card in cards} == {"credit_card"}
        assert min(one["amount_cents"] for one in (gift, *cards)) > 0
    assert {len(charges(order)) for order in mixed} == {2, 3}
    amounts = Counter(charges(order)[0]["amount_cents"] for order in mixed)
    assert {2500, 5000, 10_000} <= amounts.keys()


def test_some_cards_are_authorized_before_they_are_charged(orders):
    payments = [p for order in orders for p in order.final["transactions"]]
    named = {payment["identifier"]: payment for payment in payments}
    captures = [payment for payment in payments if payment["type"] == "CAPTURE"]
    assert 0 < len(captures) < len(payments) // 2
    for capture in captures:
        authorization = named[capture["parent_identifier"]]
        assert (authorization["type"], authorization["parent_identifier"]) == (
            "AUTHORIZATION",
            None,
        )
        for field in ("amount_cents", "gateway", "status", "payment_details"):
            assert authorization[field] == capture[field]
    others = [payment for payment in payments if payment["type"] != "CAPTURE"]
    assert {payment["parent_identifier"] for payment in others} == {None}


def test_the_second_shipment_of_an_order_paid_in_two_ways_is_charged_to_the_card():
    shop = Shop(random.Random(1))
    orders = [shop.new_order(Wish(split=True)) for _ in range(40)]
    seen = 0
    for order in orders:
        first, second = (charges(snapshot) for snapshot in order.snapshots)
        assert second[: len(first)] == first
        (added,) = second[len(first) :]
        assert added["gateway"] == "credit_card"
        assert paid(order.snapshots[0]) == order.snapshots[0]["total_amount_cents"]
        assert paid(order.final) == order.final["total_amount_cents"]
        seen += first[0]["gateway"] == "gift_card"
    assert 0 < seen < 40


def test_how_an_order_is_paid_changes_nothing_else_of_it():
    """Another run names its orders otherwise, so that others are paid in two ways."""

    def all_else(run):
        shop = Shop(random.Random(4), run)
        finals = [shop.new_order().final for _ in range(40)]
        gifts = [final["transactions"][0]["gateway"] == "gift_card" for final in finals]
        figures = [
            [final["total_amount_cents"], final["customer"]]
            + [[item["sku"], item["quantity"], item["tax_amount_cents"]] for item in final["items"]]
            for final in finals
        ]
        return gifts, figures

    (gifts, figures), (other_gifts, other_figures) = all_else("a-"), all_else("b-")
    assert figures == other_figures
    assert gifts != other_gifts


def test_an_order_of_great_worth():
    shop = Shop(random.Random(3))
    for _ in range(40):
        order = shop.new_order(Wish(first=DEAR, min_worth_cents=125_000))
        line = order.final["items"][0]
        assert line["product_amount_cents"] >= 125_000
        assert line["product_amount_cents"] - line["discount_amount_cents"] > 100_000
        assert line["quantity"] <= 9


def test_an_order_may_be_named_for_what_its_gateway_does():
    plain, named = (
        Shop(random.Random(2)).new_order(),
        Shop(random.Random(2)).new_order(ending="-DECLINE"),
    )
    assert (plain.identifier, named.identifier) == ("SO-0001", "SO-0001-DECLINE")
    assert named.final["identifier"] == "SO-0001-DECLINE"
    assert named.final["items"][0]["sku"] == plain.final["items"][0]["sku"]
