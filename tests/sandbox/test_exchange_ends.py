"""Exchanges: how they go on and end, what a desk must not do, control and page."""

import pytest

from apps.sandbox.exchanging import ExchangeTerms
from apps.sandbox.fulfilment import CANCELED, CREATED, exchange_snapshot
from apps.sandbox.refusals import ReturnRefused
from tests.sandbox.exchange_desk import (
    LATER,
    PricingDesk,
    exchange,
    figures,
    kinds,
    receive,
    sandbox_at,
    sent,
    shipped,
)
from tests.sandbox.helpers import Caller, order, refund


@pytest.fixture
def desk():
    return PricingDesk()


@pytest.fixture
def optoro(desk):
    with sandbox_at(desk) as running:
        yield running


# --- standard exchanges -------------------------------------------------------------------------


def test_a_standard_exchange_waits_for_its_order(optoro, desk):
    rma = exchange(optoro, kind="STANDARD_EXCHANGE")
    assert desk.posted == []
    optoro.move(rma, "transit")
    optoro.move(rma, "exchange")
    created, moved, placed = sent(optoro)
    assert [m["status"] for m in (created, moved, placed)] == [*["PENDING_EXCHANGE"] * 2, "CREATED"]
    assert created["items"][0]["exchange_order_identifier"] is None
    assert placed["items"][0]["exchange_order_identifier"] == "EXCH12345"
    assert placed["items"][0]["refund_type"] == "STANDARD_EXCHANGE"
    assert figures(placed) == [(13056, 13056, 0)] * 4


def test_a_standard_exchange_is_canceled(optoro):
    rma = exchange(optoro, kind="STANDARD_EXCHANGE")
    optoro.move(rma, "canceled")
    assert sent(optoro)[-1]["status"] == "CANCELED"
    with pytest.raises(ReturnRefused, match="canceled"):
        optoro.move(rma, "exchange")


def test_a_standard_exchange_is_turned_into_a_refund(optoro):
    rma = exchange(optoro, kind="STANDARD_EXCHANGE")
    optoro.move(rma, "convert")
    message = sent(optoro)[-1]
    assert message["status"] == "CREATED"
    assert figures(message) == [(13056, 0, 13056)] * 4
    for unit in message["items"]:
        assert (unit["refund_type"], unit["is_exchange"]) == ("REFUND", False)
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    with pytest.raises(ReturnRefused, match="no exchange"):
        optoro.move(rma, "convert")


# --- how they end -------------------------------------------------------------------------------


def test_an_exchange_is_refunded_when_reported_and_fulfilled(optoro):
    rma = exchange(optoro)
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    assert optoro.rma(rma)["status"] == "CREATED"
    receive(optoro, shipped(optoro))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert sent(optoro)[-1]["status"] == "REFUNDED"
    assert kinds(optoro) == []


def test_a_fulfilled_exchange_waits_for_the_report(optoro):
    rma = exchange(optoro)
    receive(optoro, shipped(optoro))
    assert optoro.rma(rma)["status"] == "CREATED"
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    assert optoro.rma(rma)["status"] == "REFUNDED"


def test_an_exchange_order_that_has_not_shipped_does_not_count(optoro):
    rma = exchange(optoro)
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    created = exchange_snapshot(optoro.books.exchange_orders["EXCH12345"], CREATED)
    receive(optoro, created)
    assert optoro.rma(rma)["status"] == "CREATED"


def test_store_credit_needs_no_fulfilment(optoro):
    rma = exchange(optoro, kind="INSTANT_STORE_CREDIT")
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert kinds(optoro) == []


def test_an_exchange_reported_with_the_shoppers_part_only_is_a_violation(optoro, desk):
    desk.answer |= {"total_amount_cents": 20400, "product_amount_cents": 20000}
    rma = exchange(optoro, 2, variant="cheaper")
    less = refund(rma=rma, quantity=2, total=2 * 2856)
    receive(optoro, order(updated_at=LATER, refunds=[less]))
    (violation,) = optoro.books.violations
    assert violation.text == "refund total 5712 differs from estimates 26112"


def test_the_return_of_exchange_goods(optoro):
    first = exchange(optoro)
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=first)]), shipped(optoro))
    rma = optoro.start_return("EXCH12345", {"1": 4})
    message = sent(optoro)[-1]
    assert figures(message) == [(13056, 0, 13056)] * 4
    for unit in message["items"]:
        assert unit["order_identifier"] == "EXCH12345"
        assert unit["original_order_identifier"] == "ORD1"
        assert (unit["refund_type"], unit["sku"]) == ("REFUND", "sku1236")
    paid = shipped(optoro) | {"refunds": [refund("RET2", rma)]}
    receive(optoro, paid)
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert kinds(optoro) == []


def test_the_order_system_sends_the_exchange_order_as_answered(optoro, desk):
    desk.answer |= {"total_amount_cents": 13698, "product_amount_cents": 12856,
                    "tax_amount_cents": 200}  # fmt: skip
    terms = ExchangeTerms(bonus_percent=5, rest_on_card=True)
    exchange(optoro, 1, variant="cheaper", terms=terms)
    document = shipped(optoro)
    assert document["identifier"] == "EXCH12345"
    assert (document["total_amount_cents"], document["tax_amount_cents"]) == (13698, 200)
    assert document["product_amount_cents"] == 10000 + 2856 + 142
    # What the desk charges for shipping is on no line.
    assert document["shipping_amount_cents"] == 500
    assert (document["transactions"], document["tags"]) == ([], [])
    goods, card = document["items"]
    assert (goods["sku"], goods["tags"]) == ("sku1240", [])
    assert (card["sku"], card["tags"]) == ("OPTOROGIFTCARD", ["gift-card"])
    receive(optoro, document)
    with pytest.raises(ReturnRefused, match="gift-card"):
        optoro.start_return("EXCH12345", {"2": 1})


def test_units_that_never_came_do_not_count(optoro):
    rma = optoro.start_return("ORD1", {"1": 3}, "express-returns", version=5)
    optoro.move(rma, "accepted", [0, 1])
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma, quantity=2)]))
    assert optoro.rma(rma)["status"] == "CREATED"
    optoro.move(rma, "not_dropped_off", [2])
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert sent(optoro)[-1]["status"] == "REFUNDED"
    assert kinds(optoro) == []


def test_units_that_were_not_received_are_missing(optoro):
    rma = optoro.start_return("ORD1", {"1": 2}, version=5)
    optoro.move(rma, "received", [0])
    optoro.move(rma, "not_received", [1])
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma, quantity=1)]))
    assert optoro.rma(rma)["status"] == "CREATED"
    optoro.move(rma, "closed")
    assert sent(optoro)[-1]["status"] == "PARTIAL_REFUND"
    assert sent(optoro)[-1]["receiving_complete"] is True
    assert kinds(optoro) == []


# --- what a desk must not do --------------------------------------------------------------------


def test_a_refund_while_the_exchange_waits_is_a_violation(optoro):
    rma = exchange(optoro, kind="STANDARD_EXCHANGE")
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    assert kinds(optoro) == ["pending_exchange_refunded"]
    assert optoro.rma(rma)["status"] == "PENDING_EXCHANGE"


def test_a_refund_long_after_the_cancellation_is_a_violation(optoro):
    rma = optoro.start_return("ORD1", {"1": 4})
    optoro.move(rma, "canceled")
    late = refund(rma=rma, created_at="2100-01-01T00:00:00Z")
    receive(optoro, order(updated_at=LATER, refunds=[late]))
    assert kinds(optoro) == ["canceled_refunded"]


def test_a_refund_of_units_that_never_came_is_a_violation(optoro):
    rma = optoro.start_return("ORD1", {"1": 3}, "express-returns", version=5)
    optoro.move(rma, "accepted", [0, 1])
    optoro.move(rma, "not_dropped_off", [2])
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma, quantity=3)]))
    assert kinds(optoro) == ["missing_unit_refunded", "refund_differs"]


def test_a_refund_on_the_wrong_order_is_a_violation(optoro):
    receive(optoro, order("ORD2"))
    rma = optoro.start_return("ORD1", {"1": 4})
    receive(optoro, order("ORD2", updated_at=LATER, refunds=[refund(rma=rma)]))
    assert kinds(optoro) == ["refund_on_wrong_order"]


def test_an_exchange_order_that_is_never_sent_is_a_violation(optoro):
    exchange(optoro)
    optoro.note_overdue()
    assert kinds(optoro) == []
    placed = optoro.books.exchange_orders["EXCH12345"]
    placed.shipped_at = placed.placed_at
    optoro.note_overdue()
    optoro.note_overdue()
    assert kinds(optoro) == ["exchange_not_sent"]


def test_one_name_for_two_exchange_orders_is_a_violation(optoro):
    receive(optoro, order("ORD2"))
    exchange(optoro, 1)
    item = {"order_line_item_identifier": "1", "refund_type": "INSTANT_EXCHANGE"}
    optoro.start_return("ORD2", [item])
    assert kinds(optoro) == ["exchange_identifier_twice"]


# --- control and page ---------------------------------------------------------------------------


def start(optoro, **changes):
    body = {
        "order_identifier": "ORD1",
        "items": [{"order_line_item_identifier": "1", "quantity": 2}],
        "refund_type": "INSTANT_EXCHANGE",
    }
    answer = Caller(optoro).client.post("/control/rmas", json=body | changes)
    return answer.status_code, answer.json()


def test_an_exchange_is_started_by_control(optoro):
    status, body = start(optoro, variant="sku1240", version=5, api_version="1")
    assert status == 201
    state = optoro.state()
    (one,) = state["exchange_orders"]
    assert one["order_identifier"] == "EXCH12345"
    assert one["rma_identifier"] == body["rma_identifier"]
    assert one["request"]["items"][0]["sku"] == "sku1240"
    assert one["answer"]["total_amount_cents"] == 52224
    assert [entry["method"] for entry in state["questions"]] == ["GET", "POST"]
    assert state["rmas"][0]["kinds"] == {"INSTANT_EXCHANGE": 2}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"refund_type": "BARTER"}, "refund_type"),
        ({"bonus_percent": 101}, "bonus_percent"),
        ({"api_version": "3"}, "api_version"),
        ({"version": "4"}, "version"),
        ({"variant": "none"}, "no exchange"),
    ],
)
def test_control_says_what_cannot_be(optoro, changes, why):
    status, body = start(optoro, **changes)
    assert (status, why in body["reason"]) == (422, True)


def test_control_says_that_the_desk_fails(optoro, desk):
    desk.script = [500]
    assert start(optoro)[0] == 502


def test_the_page_shows_exchanges(optoro):
    rma = exchange(optoro)
    text = Caller(optoro).client.get("/").text
    for words in ("EXCH12345", rma, "4 × Blue T-Shirt (sku1236)", "/optoro/exchange_orders",
                  "INSTANT_EXCHANGE"):  # fmt: skip
        assert words in text


def test_an_exchange_that_was_given_up_is_refunded_without_fulfilment(optoro):
    rma = exchange(optoro)
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    given_up = exchange_snapshot(optoro.books.exchange_orders["EXCH12345"], CANCELED)
    assert (given_up["status"], given_up["items"][0]["quantity_canceled"]) == ("Canceled", 4)
    receive(optoro, given_up)
    assert optoro.rma(rma)["status"] == "CREATED"
    optoro.move(rma, "convert")
    assert figures(sent(optoro)[-1]) == [(13056, 0, 13056)] * 4
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert kinds(optoro) == []
