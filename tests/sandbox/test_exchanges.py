"""Exchanges: what is asked of the desk, and the figures and words of the messages."""

import json

import pytest

from apps.sandbox.desk_calls import DeskFailed
from apps.sandbox.exchanging import ExchangeTerms
from apps.sandbox.refusals import ReturnRefused
from tests.sandbox.exchange_desk import (
    DEARER,
    EVEN,
    FEW,
    LATER,
    SECOND,
    PricingDesk,
    exchange,
    figures,
    kinds,
    receive,
    sandbox_at,
    sent,
)
from tests.sandbox.helpers import ITEM, changed, order


@pytest.fixture
def desk():
    return PricingDesk()


@pytest.fixture
def optoro(desk):
    with sandbox_at(desk) as running:
        yield running


# --- what is asked ------------------------------------------------------------------------------


def test_an_even_exchange_asks_for_variants_then_for_the_order(optoro, desk):
    rma = exchange(optoro)
    (question,) = desk.asked
    assert question.url.path in (
        "/optoro/sku/96027/variants",
        "/optoro/sku/96027/exchange_variants",
    )
    (post,) = desk.posted
    assert post.url.path == "/optoro/exchange_orders"
    assert question.headers["x-optiturn-api-version"] == "1"
    assert post.headers["x-optiturn-api-version"] == "2"
    for request in (question, post):
        assert request.headers["x-optiturn-id"] == "Modrno"
        assert request.headers["authorization"].startswith("Basic ")
    body = json.loads(post.content)
    assert body["items"] == [
        {
            "sku": "sku1236",
            "quantity": 4,
            "title": "Blue T-Shirt",
            "unit_price_amount_cents": 12800,
            "product_amount_cents": 51200,
            "discount_amount_cents": 0,
            "tax_amount_cents": 1024,
            "product_identifier": "32174",
            "variant_identifier": "96027",
            "original_sku": "sku1234",
            "original_item_identifier": "1",
        }
    ]
    assert (body["rma_identifier"], body["original_order_id"]) == (rma, "ORD1")
    assert (body["currency"], body["is_gift"]) == ("USD", False)
    assert body["customer"] == {"identifier": "219299", "email": "BWallace@example.com"}
    assert body["shipping_address"]["province"] == "DC"
    assert body["shipping_address"]["postal_code"] == "20001"
    assert len(body["payment"]["transaction_id"]) == 36


def test_version_one_has_the_path_and_names_of_the_guide(optoro, desk):
    exchange(optoro, terms=ExchangeTerms("1"))
    (post,) = desk.posted
    assert (post.url.path, post.headers["x-optiturn-api-version"]) == ("/optoro/orders", "1")
    assert json.loads(post.content)["billing_address"]["zip_code"] == "20001"


def test_the_first_message_of_an_even_exchange_names_it(optoro):
    rma = exchange(optoro)
    (message,) = sent(optoro)
    assert (message["rma_identifier"], message["status"]) == (rma, "CREATED")
    assert figures(message) == [(13056, 13056, 0)] * 4
    for unit in message["items"]:
        assert unit["exchange_order_identifier"] == "EXCH12345"
        assert (unit["is_exchange"], unit["refund_type"]) == (True, "INSTANT_EXCHANGE")
        assert unit["original_order_identifier"] is None


@pytest.mark.parametrize(
    ("variants", "quantity", "why"),
    [([], 1, "no exchange"), ([DEARER], 1, "no exchange"), ([FEW], 2, "no exchange")],
)
def test_what_is_not_on_offer(optoro, desk, variants, quantity, why):
    desk.variants = variants
    with pytest.raises(ReturnRefused, match=why):
        exchange(optoro, quantity)
    assert desk.posted == []
    assert optoro.books.rmas == {}


@pytest.mark.parametrize(
    "variant",
    [
        changed(EVEN, "sku"),
        changed(EVEN, "quantity_in_stock", "3"),
        changed(EVEN, "unit_price_amount_cents", 12.5),
        changed(EVEN, "attributes", [{"name": "Size"}]),
        changed(EVEN, "attributes.0.name", "Length"),
    ],
)
def test_variants_that_are_wrong_are_a_violation(optoro, desk, variant):
    desk.variants = [variant]
    with pytest.raises(ReturnRefused):
        exchange(optoro)
    assert kinds(optoro) == ["variants_wrong"]


def test_several_sizes_come_joined(optoro, desk):
    sizes = [{"name": "Size", "value": "XL"}, {"name": "Length", "value": "32"}]
    desk.variants = [EVEN | {"attributes": [*sizes, {"name": "all_size", "value": "XL | 32"}]}]
    exchange(optoro)
    assert kinds(optoro) == []


def test_the_same_request_is_made_again_where_the_desk_fails(optoro, desk):
    desk.variants = [EVEN]
    rma = exchange(optoro, does_place=False)
    assert sent(optoro) == []
    with pytest.raises(ReturnRefused, match="waits for its exchange order"):
        optoro.move(rma, "label")
    desk.script = [503]
    with pytest.raises(DeskFailed, match="503"):
        optoro.move(rma, "exchange")
    optoro.move(rma, "exchange")
    assert desk.posted[0].content == desk.posted[1].content
    assert sent(optoro)[0]["items"][0]["exchange_order_identifier"] == "EXCH12345"


def test_starting_goes_on_by_itself_after_failures(optoro, desk):
    item = {"order_line_item_identifier": "1", "refund_type": "INSTANT_STORE_CREDIT"}
    desk.script = [500, 502, 504]
    optoro.start_return("ORD1", [item])
    assert len({request.content for request in desk.posted}) == 1
    assert len(desk.posted) == 4


def test_a_refused_exchange_leaves_no_return(optoro, desk):
    desk.script = [422]
    item = {"order_line_item_identifier": "1", "refund_type": "INSTANT_STORE_CREDIT"}
    with pytest.raises(ReturnRefused, match=r"items\[0\].sku: invalid"):
        optoro.start_return("ORD1", [item])
    assert sent(optoro) == []
    assert optoro.state()["rmas"] == []
    optoro.start_return("ORD1", {"1": 4})


@pytest.mark.parametrize("field", ["order_identifier", "total_amount_cents", "tax_amount_cents"])
def test_an_answer_of_no_use_is_a_violation(optoro, desk, field):
    del desk.answer[field]
    with pytest.raises(ReturnRefused, match="no use"):
        exchange(optoro)
    assert kinds(optoro) == ["exchange_answer_wrong"]


def test_the_same_request_again_needs_the_same_bytes(optoro, desk):
    rma = exchange(optoro)
    optoro.move(rma, "exchange_again")
    optoro.move(rma, "exchange_other")
    assert kinds(optoro) == []
    assert desk.posted[0].content == desk.posted[1].content != desk.posted[2].content
    desk.answer = dict(reversed(desk.answer.items()))
    optoro.move(rma, "exchange_again")
    optoro.move(rma, "exchange_other")
    assert kinds(optoro) == ["answer_differs", "second_exchange"]


def test_the_portal_offers_no_second_exchange_of_an_order(optoro):
    exchange(optoro, 1)
    with pytest.raises(ReturnRefused, match="exchanged already"):
        exchange(optoro, 1)


# --- figures ------------------------------------------------------------------------------------


def test_an_uneven_exchange_leaves_the_rest_to_the_shopper(optoro, desk):
    # 2 at 10000 with 2 % tax: 20400 of 26112.
    desk.answer |= {"total_amount_cents": 20400, "product_amount_cents": 20000}
    exchange(optoro, 2, variant="cheaper")
    body = json.loads(desk.posted[0].content)
    assert body["items"][0]["sku"] == "sku1240"
    assert body["items"][0]["product_amount_cents"] == 20000
    assert body["items"][0]["tax_amount_cents"] == 400
    (message,) = sent(optoro)
    assert figures(message) == [(13056, 10200, 2856)] * 2


def test_the_optoro_part_is_what_the_desk_answered_up_to_the_estimate(optoro, desk):
    desk.answer |= {"total_amount_cents": 20501}
    exchange(optoro, 2, variant="cheaper")
    assert figures(sent(optoro)[0]) == [(13056, 10251, 2805), (13056, 10250, 2806)]


def test_an_answer_above_the_estimate_is_capped(optoro, desk):
    desk.answer |= {"total_amount_cents": 99999}
    exchange(optoro, 2, variant="cheaper")
    assert figures(sent(optoro)[0]) == [(13056, 13056, 0)] * 2


def test_an_exchange_and_a_refund_in_one(optoro):
    receive(optoro, order(updated_at=LATER, items=[ITEM, SECOND], total_amount_cents=85224))
    items = [
        {"order_line_item_identifier": "1", "quantity": 4, "refund_type": "INSTANT_EXCHANGE"},
        {"order_line_item_identifier": "2", "quantity": 3},
    ]
    optoro.start_return("ORD1", items)
    message = sent(optoro)[0]
    assert figures(message) == [(13056, 13056, 0)] * 4 + [(11000, 0, 11000)] * 3
    assert sum(shopper for _, _, shopper in figures(message)) == 33000
    assert [unit["is_exchange"] for unit in message["items"]] == [True] * 4 + [False] * 3


def test_store_credit_with_a_bonus(optoro, desk):
    # 2 units at 13056, and 10 %.
    desk.answer |= {"total_amount_cents": 28723, "product_amount_cents": 26112}
    exchange(optoro, 2, "INSTANT_STORE_CREDIT", terms=ExchangeTerms(bonus_percent=10))
    assert desk.asked == []
    (item,) = json.loads(desk.posted[0].content)["items"]
    assert (item["sku"], item["quantity"]) == ("OPTOROGIFTCARD", 1)
    assert item["product_amount_cents"] == item["unit_price_amount_cents"] == 26112
    assert item["bonus_credit_amount_cents"] == 2611
    assert item["return_items"] == [
        {
            "original_sku": "sku1234",
            "original_item_identifier": "1",
            "quantity": 2,
            "title": "Black T-Shirt",
        }
    ]
    (message,) = sent(optoro)
    assert message["bonus_credit_amount_cents"] == 2611
    assert figures(message) == [(13056, 13056, 0)] * 2
    assert kinds(optoro) == []


def test_a_total_without_the_bonus_is_a_violation(optoro, desk):
    desk.answer |= {"total_amount_cents": 26112}
    exchange(optoro, 2, "INSTANT_STORE_CREDIT", terms=ExchangeTerms(bonus_percent=10))
    assert kinds(optoro) == ["bonus_not_in_total"]


def test_the_rest_on_a_gift_card(optoro, desk):
    # 10200 for the goods, 2856 on the card, 142 bonus.
    desk.answer |= {"total_amount_cents": 13198, "product_amount_cents": 12856}
    terms = ExchangeTerms(bonus_percent=5, rest_on_card=True)
    exchange(optoro, 1, variant="cheaper", terms=terms)
    goods, card = json.loads(desk.posted[0].content)["items"]
    assert (goods["product_amount_cents"], goods["tax_amount_cents"]) == (10000, 200)
    assert (card["product_amount_cents"], card["bonus_credit_amount_cents"]) == (2856, 142)
    (message,) = sent(optoro)
    assert figures(message) == [(13056, 13056, 0)]
    assert message["bonus_credit_amount_cents"] == 142


def test_a_gift_is_exchanged_as_one(optoro, desk):
    exchange(optoro, gift_refund_only=True, giftee_email="a@example.com")
    assert json.loads(desk.posted[0].content)["is_gift"] is True


# --- versions of the message --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "variant", "word"),
    [
        ("INSTANT_EXCHANGE", "even", "EVEN_EXCHANGE"),
        ("INSTANT_EXCHANGE", "cheaper", "UNEVEN_EXCHANGE"),
        ("INSTANT_STORE_CREDIT", "even", "UNEVEN_GC"),
    ],
)
def test_version_three_has_older_names(optoro, kind, variant, word):
    exchange(optoro, 1, kind, variant=variant, version=3, has_bare_item=True,
             return_method="express-returns")  # fmt: skip
    (message,) = sent(optoro)
    assert message["items"]["refund_type"] == word
    assert message["warehouse_id"] == 21
    assert "bonus_credit_amount_cents" not in message


def test_version_five_tells_the_condition(optoro):
    rma = optoro.start_return("ORD1", {"1": 1}, version=5, condition="C")
    optoro.move(rma, "received")
    first, second = sent(optoro)
    assert first["items"][0]["warehouse_receipt_condition"] is None
    assert second["items"][0]["warehouse_receipt_condition"] == "C"


def test_later_messages_may_forget_the_exchange(optoro):
    rma = exchange(optoro, version=3, is_forgetful=True)
    optoro.move(rma, "label")
    first, second = ([(unit["exchange_order_identifier"], unit["is_exchange"])
                      for unit in message["items"]] for message in sent(optoro))  # fmt: skip
    assert first == [("EXCH12345", True), *[(None, False)] * 3]
    assert second == [(None, False)] * 4
    assert figures(sent(optoro)[1]) == [(13056, 13056, 0)] * 4
    kept = optoro.rma(rma)["items"][3]
    assert (kept["exchange_order_identifier"], kept["is_exchange"]) == ("EXCH12345", True)


def test_the_rma_may_come_before_its_exchange_order(optoro):
    rma = exchange(optoro, is_told_first=True)
    first, second = sent(optoro)
    assert (first["status"], first["items"][0]["exchange_order_identifier"]) == ("CREATED", None)
    assert second["items"][0]["exchange_order_identifier"] == "EXCH12345"
    assert second["updated_at"] > first["updated_at"]
    assert optoro.rma(rma)["status"] == "CREATED"


def test_a_concept_is_told(optoro):
    optoro.start_return("ORD1", {"1": 1}, concept="Northfold")
    assert sent(optoro)[0]["concept"] == "Northfold"


@pytest.mark.parametrize(
    ("details", "why"),
    [
        ({"kind": "BARTER"}, "refund_type"),
        ({"kind": "STANDARD_EXCHANGE", "version": 3}, "version 3"),
        ({"version": 6}, "version"),
        ({"condition": "Z"}, "condition"),
        ({"line": "9"}, "line 9"),
    ],
)
def test_exchanges_that_cannot_be(optoro, details, why):
    with pytest.raises(ReturnRefused, match=why):
        exchange(optoro, 1, **details)
    assert optoro.books.rmas == {}
