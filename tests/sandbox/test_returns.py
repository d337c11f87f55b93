"""Returns: what may come back, what it is worth, how it moves, and when it is refunded."""

import json

import pytest

from apps.sandbox.returns import ReturnRefused
from tests.sandbox.helpers import ITEM, order, refund

LATER = "2023-01-28T19:42:49.23Z"
SECOND = ITEM | {
    "identifier": "2",
    "sku": "sku1235",
    "quantity": 3,
    "quantity_shipped": 3,
    "product_amount_cents": 30000,
    "tax_amount_cents": 3000,
    "unit_price_amount_cents": 10000,
}


def receive(optoro, *orders):
    assert optoro.receive_orders({"returns_portal_order": {"orders": list(orders)}}) == []


def line(**changes):
    return ITEM | changes


def estimates(optoro, rma):
    return [
        unit["refund_financials"]["estimated_refund_amount_cents"]
        for unit in optoro.rma(rma)["items"]
    ]


def sent(optoro):
    return [json.loads(message.body) for message in optoro.pending_webhooks()]


def kinds(optoro):
    return [violation.kind for violation in optoro.books.violations]


# --- starting ---------------------------------------------------------------------------------


def test_the_first_message_has_the_shape_of_the_guide(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 2})
    (message,) = sent(optoro)
    assert message["rma_identifier"] == rma
    assert len(rma) == 10
    assert message["created_at"] == message["updated_at"]
    assert message["updated_at"].endswith("Z")
    unit = {
        "order_line_item_identifier": "1",
        "order_identifier": "ORD1",
        "exchange_order_identifier": None,
        "original_order_identifier": None,
        "return_reason": "Changed Mind",
        "is_exchange": False,
        "sku": "sku1234",
        "upc": "1234",
        "tracking_number": None,
        "package_tracking_status": None,
        "receiving_status": "PENDING",
        "refund_financials": {
            "estimated_refund_amount_cents": 13056,
            "optoro_refund_amount_cents": 0,
            "shopper_refund_amount_cents": 13056,
        },
        "refund_type": "REFUND",
    }
    assert message["items"] == [unit, unit]
    del message["rma_identifier"], message["created_at"], message["updated_at"], message["items"]
    assert message == {
        "status": "CREATED",
        "return_method": "mail-back",
        "return_shipping_cost_cents": 0,
        "gift_refund_only": False,
        "bonus_credit_amount_cents": 0,
    }


def test_an_express_return_begins_before_transit_and_names_its_warehouse(optoro):
    receive(optoro, order())
    optoro.start_return("ORD1", {"1": 1}, "express-returns")
    (message,) = sent(optoro)
    assert message["items"][0]["package_tracking_status"] == "PRE_TRANSIT"
    assert message["warehouse_id"] == "21"


def test_a_gift_names_who_got_it(optoro):
    receive(optoro, order(secondary_identifier="RO-1"))
    optoro.start_return("ORD1", {"1": 1}, gift_refund_only=True, giftee_email="a@example.com")
    (message,) = sent(optoro)
    assert (message["gift_refund_only"], message["giftee_email"]) == (True, "a@example.com")
    assert message["items"][0]["secondary_identifier"] == "RO-1"


def test_one_shipped_of_four_ordered_carries_a_quarter_of_the_tax(optoro):
    item = line(quantity_shipped=1, quantity_canceled=3, product_amount_cents=12800)
    receive(optoro, order(items=[item]))
    assert estimates(optoro, optoro.start_return("ORD1", {"1": 1})) == [12800 + 256]


def test_units_of_a_line_that_does_not_divide_add_up_to_it(optoro):
    item = line(
        quantity=3,
        quantity_shipped=3,
        unit_price_amount_cents=1000,
        product_amount_cents=3000,
        tax_amount_cents=100,
        discount_amount_cents=500,
    )
    receive(optoro, order(items=[item]))
    first = estimates(optoro, optoro.start_return("ORD1", {"1": 1}))
    rest = estimates(optoro, optoro.start_return("ORD1", {"1": 2}))
    assert sum(first + rest) == 3000 + 100 - 500
    assert max(first + rest) - min(first + rest) <= 1


def test_units_of_a_canceled_return_come_free_with_their_cents(optoro):
    item = line(quantity=3, quantity_shipped=3, tax_amount_cents=100)
    receive(optoro, order(items=[item]))
    first = optoro.start_return("ORD1", {"1": 3})
    before = estimates(optoro, first)
    optoro.move(first, "canceled")
    assert estimates(optoro, optoro.start_return("ORD1", {"1": 3})) == before


@pytest.mark.parametrize(
    ("document", "items", "why"),
    [
        (order(), {"9": 1}, "does not exist"),
        (order(), {"1": 0}, "1 or more"),
        (order(), {"1": 5}, "4 left"),
        (order(), {}, "nothing"),
        (order("OTHER"), {"1": 1}, "not been received"),
        (order(status="Canceled"), {"1": 1}, "canceled"),
        (order(items=[line(quantity_shipped=0)]), {"1": 1}, "not been shipped"),
        (order(tags=["pickup_in_store"]), {"1": 1}, "pickup_in_store"),
        *(
            (order(items=[line(tags=[tag])]), {"1": 1}, tag)
            for tag in ("FinalSale", "gift-card", "Thirdparty", "canceled", "cs-required")
        ),
    ],
)
def test_what_the_portal_would_not_offer(optoro, document, items, why):
    receive(optoro, document)
    with pytest.raises(ReturnRefused, match=why):
        optoro.start_return("ORD1", items)
    assert optoro.books.rmas == {}
    assert sent(optoro) == []


def test_a_shipping_rate_override_does_not_stop_a_return(optoro):
    receive(optoro, order(tags=["ShippingRateOverride"]))
    assert optoro.start_return("ORD1", {"1": 1})


def test_units_in_open_returns_cannot_be_returned_again(optoro):
    receive(optoro, order())
    optoro.start_return("ORD1", {"1": 3})
    with pytest.raises(ReturnRefused, match="2 asked for, 1 left"):
        optoro.start_return("ORD1", {"1": 2})
    optoro.start_return("ORD1", {"1": 1})


def test_units_refunded_without_a_return_cannot_be_returned(optoro):
    receive(optoro, order(refunds=[refund(quantity=3)]))
    with pytest.raises(ReturnRefused, match="2 asked for, 1 left"):
        optoro.start_return("ORD1", {"1": 2})


def test_other_requests_that_cannot_be(optoro):
    receive(optoro, order())
    with pytest.raises(ReturnRefused, match="return_method"):
        optoro.start_return("ORD1", {"1": 1}, "by-pigeon")
    with pytest.raises(ReturnRefused, match="giftee_email"):
        optoro.start_return("ORD1", {"1": 1}, gift_refund_only=True)


def test_a_return_may_be_known_before_its_order(optoro):
    rma = optoro.start_return("ORD1", {"1": 4}, unseen_orders={"ORD1": order()})
    assert estimates(optoro, rma) == [13056] * 4
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    assert optoro.rma(rma)["status"] == "REFUNDED"


# --- moving -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "package", "receiving"),
    [
        ("label", "PRE_TRANSIT", "PENDING"),
        ("accepted", "ACCEPTED", "PENDING"),
        ("transit", "TRANSIT", "PENDING"),
        ("delivered", "DELIVERED", "PENDING"),
        ("received", "DELIVERED", "RECEIVED"),
        ("not_received", None, "NOT_RECEIVED"),
        ("not_dropped_off", "NOT_DROPPED_OFF", "PENDING"),
        ("failure", "FAILURE", "PENDING"),
        ("returned", "RETURNED", "PENDING"),
    ],
)
def test_events(optoro, event, package, receiving):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 2})
    optoro.move(rma, event)
    created, moved = sent(optoro)
    assert moved["updated_at"] > created["updated_at"]
    assert moved["status"] == "CREATED"
    for unit in moved["items"]:
        assert unit["package_tracking_status"] == package
        assert unit["receiving_status"] == receiving


def test_the_label_brings_a_tracking_number_that_stays(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 1})
    for event in ("label", "transit", "label"):
        optoro.move(rma, event)
    numbers = {message["items"][0]["tracking_number"] for message in sent(optoro)[1:]}
    (number,) = numbers
    assert len(number) == 26
    assert number.isdecimal()


def test_a_partial_drop_off(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 3}, "express-returns")
    optoro.move(rma, "accepted", [0, 1])
    optoro.move(rma, "not_dropped_off", [2])
    optoro.move(rma, "transit")
    units = optoro.rma(rma)["items"]
    statuses = [unit["package_tracking_status"] for unit in units]
    assert statuses == ["TRANSIT", "TRANSIT", "NOT_DROPPED_OFF"]


@pytest.mark.parametrize("units", [[], [1], [-1]])
def test_places_that_do_not_exist(optoro, units):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 1})
    with pytest.raises(ReturnRefused, match="units"):
        optoro.move(rma, "label", units)


def test_a_canceled_return_does_not_move(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 4})
    optoro.move(rma, "canceled")
    assert sent(optoro)[-1]["status"] == "CANCELED"
    with pytest.raises(ReturnRefused, match="canceled"):
        optoro.move(rma, "transit")
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    assert optoro.rma(rma)["status"] == "CANCELED"


def test_unknown_events_and_returns(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 1})
    with pytest.raises(ReturnRefused, match="one of"):
        optoro.move(rma, "teleported")
    with pytest.raises(KeyError):
        optoro.move("nobody", "label")


# --- refunded ---------------------------------------------------------------------------------


def test_a_refund_of_all_units_closes_the_return(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 4})
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    created, closed = sent(optoro)
    assert closed["status"] == "REFUNDED"
    assert closed["updated_at"] > created["updated_at"]
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    assert len(sent(optoro)) == 2
    assert kinds(optoro) == []


def test_refunds_may_come_in_parts(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 4})
    parts = [refund("RET1", rma, 3)]
    receive(optoro, order(updated_at=LATER, refunds=list(parts)))
    assert optoro.rma(rma)["status"] == "CREATED"
    parts.append(refund("RET2", rma, 1))
    receive(optoro, order(updated_at=LATER, refunds=list(parts)))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert kinds(optoro) == []


def test_every_line_has_to_be_covered(optoro):
    document = order(items=[ITEM, SECOND], total_amount_cents=85224)
    receive(optoro, document)
    rma = optoro.start_return("ORD1", {"1": 1, "2": 2})
    assert estimates(optoro, rma) == [13056, 11000, 11000]
    first = refund("RET1", rma, 3, total=13056)
    receive(optoro, document | {"updated_at": LATER, "refunds": [first]})
    assert optoro.rma(rma)["status"] == "CREATED"
    assert kinds(optoro) == ["rma_over_refunded"]


def test_a_refund_counts_for_the_return_it_names(optoro):
    receive(optoro, order())
    first = optoro.start_return("ORD1", {"1": 1})
    second = optoro.start_return("ORD1", {"1": 1})
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=second, quantity=1)]))
    assert optoro.rma(first)["status"] == "CREATED"
    assert optoro.rma(second)["status"] == "REFUNDED"


def test_a_refund_without_a_name_fills_the_oldest_return(optoro):
    receive(optoro, order())
    first = optoro.start_return("ORD1", {"1": 2})
    second = optoro.start_return("ORD1", {"1": 2})
    refunds = [refund("RET1", quantity=2)]
    receive(optoro, order(updated_at=LATER, refunds=list(refunds)))
    assert [optoro.rma(rma)["status"] for rma in (first, second)] == ["REFUNDED", "CREATED"]
    refunds.append(refund("RET2", quantity=2))
    receive(optoro, order(updated_at=LATER, refunds=list(refunds)))
    assert optoro.rma(second)["status"] == "REFUNDED"


def test_a_refund_spent_on_one_return_is_not_spent_again_on_an_older_one(optoro):
    receive(optoro, order())
    older = optoro.start_return("ORD1", {"1": 3})
    younger = optoro.start_return("ORD1", {"1": 1})
    refunds = [refund("RET1", quantity=1)]
    receive(optoro, order(updated_at=LATER, refunds=list(refunds)))
    refunds.append(refund("RET2", quantity=2))
    receive(optoro, order(updated_at=LATER, refunds=list(refunds)))
    assert optoro.rma(younger)["status"] == "REFUNDED"
    assert optoro.rma(older)["status"] == "CREATED"
    refunds.append(refund("RET3", quantity=1))
    receive(optoro, order(updated_at=LATER, refunds=list(refunds)))
    assert optoro.rma(older)["status"] == "REFUNDED"


def test_a_canceled_return_takes_no_refund_from_another(optoro):
    receive(optoro, order())
    optoro.move(optoro.start_return("ORD1", {"1": 2}), "canceled")
    alive = optoro.start_return("ORD1", {"1": 4})
    receive(optoro, order(updated_at=LATER, refunds=[refund(quantity=4)]))
    assert optoro.rma(alive)["status"] == "REFUNDED"


def test_a_refund_of_a_unit_in_no_return_is_not_taken_for_a_returns(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 1})
    refunds = [refund("LOST", quantity=1, total=13000)]
    receive(optoro, order(updated_at=LATER, refunds=list(refunds)))
    assert optoro.rma(rma)["status"] == "CREATED"
    with pytest.raises(ReturnRefused, match="3 asked for, 2 left"):
        optoro.start_return("ORD1", {"1": 3})
    refunds.append(refund("RET1", rma, 1))
    receive(optoro, order(updated_at=LATER, refunds=list(refunds)))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert kinds(optoro) == []


def test_a_refund_of_more_than_the_units_in_no_return_fills_a_return(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 2})
    receive(optoro, order(updated_at=LATER, refunds=[refund("LOST", quantity=3)]))
    assert optoro.rma(rma)["status"] == "CREATED"
    more = [refund("LOST", quantity=3), refund("MORE", quantity=1, total=1)]
    receive(optoro, order(updated_at=LATER, refunds=more))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    # Whose the cents are cannot be told.
    assert kinds(optoro) == []


def test_units_that_never_came_may_be_refunded_without_their_return(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 4}, "express-returns")
    optoro.move(rma, "not_dropped_off", [3])
    lost = refund("LOST", quantity=1)
    receive(optoro, order(updated_at=LATER, refunds=[lost]))
    assert optoro.rma(rma)["status"] == "CREATED"
    receive(optoro, order(updated_at=LATER, refunds=[lost, refund("RET1", rma, 3)]))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert kinds(optoro) == []


def test_goodwill_counts_for_no_return_and_not_for_the_worth_of_the_order(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 4})
    goodwill = refund("GOOD", total=500, refund_line_items=[], tags=["ignore_refund"])
    receive(optoro, order(updated_at=LATER, refunds=[goodwill]))
    assert optoro.rma(rma)["status"] == "CREATED"
    receive(optoro, order(updated_at=LATER, refunds=[goodwill, refund(rma=rma)]))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert kinds(optoro) == []
    too_much = refund("TOO", total=1, refund_line_items=[])
    receive(optoro, order(updated_at=LATER, refunds=[goodwill, refund(rma=rma), too_much]))
    assert kinds(optoro) == ["order_over_refunded"]


def test_an_ignored_refund_does_not_count(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 4})
    ignored = refund(rma=rma, tags=["ignore_refund"])
    receive(optoro, order(updated_at=LATER, refunds=[ignored]))
    assert optoro.rma(rma)["status"] == "CREATED"


def test_a_total_other_than_the_estimates_closes_but_is_a_violation(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 4})
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma, total=52_000)]))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    (violation,) = optoro.books.violations
    assert violation.text == "refund total 52000 differs from estimates 52224"
    assert violation.subject == rma


def test_the_total_of_an_unnamed_refund_is_compared_when_it_is_clear_whose_it_is(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 4})
    receive(optoro, order(updated_at=LATER, refunds=[refund(total=1)]))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert kinds(optoro) == ["refund_differs"]


def test_units_of_several_orders_need_the_refunds_of_all(optoro):
    receive(optoro, order("ORD1"), order("ORD2"))
    items = [
        {"order_line_item_identifier": "1", "quantity": 4},
        {"order_line_item_identifier": "1", "quantity": 2, "order_identifier": "ORD2"},
    ]
    rma = optoro.start_return("ORD1", items)
    receive(optoro, order("ORD1", updated_at=LATER, refunds=[refund("RET1", rma, 4)]))
    assert optoro.rma(rma)["status"] == "CREATED"
    receive(optoro, order("ORD2", updated_at=LATER, refunds=[refund("RET2", rma, 2)]))
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert kinds(optoro) == []


def test_receiving_closed_with_refunds_missing(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 4})
    optoro.move(rma, "closed")
    assert optoro.rma(rma)["status"] == "PARTIAL_REFUND"
    with pytest.raises(ReturnRefused):
        optoro.move(rma, "canceled")
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    assert optoro.rma(rma)["status"] == "REFUNDED"


def test_a_refunded_parcel_still_travels(optoro):
    receive(optoro, order())
    rma = optoro.start_return("ORD1", {"1": 4})
    receive(optoro, order(updated_at=LATER, refunds=[refund(rma=rma)]))
    optoro.move(rma, "received")
    assert optoro.rma(rma)["status"] == "REFUNDED"
    assert optoro.rma(rma)["items"][0]["receiving_status"] == "RECEIVED"
