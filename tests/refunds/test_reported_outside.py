"""What the order system reports: refunds made outside the desk and transactions, whichever way
they name the order, the RMA and the units. None of it is paid a second time."""

import pytest

from apps.attention.models import Item
from apps.common.errors import Refused
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from apps.refunds.services import approve_refund
from apps.stores.models import Store
from tests.support import builders
from tests.support.people import actor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

NEWER = "2026-02-01T00:00:00Z"
TWICE_REFUNDED = (
    "refund_needs_decision",
    "line 1: $1,044.48 for 8 unit(s) is refunded or under way, but $522.24 was paid for 4 shipped",
)
ALL_UNITS_REFUNDED = (
    "refund_needs_decision",
    "line 1: 4 unit(s) to refund, but only 0 of 4 shipped are not refunded yet",
)


def refunds():
    return list(
        Refund.objects.order_by("pk").values_list(
            "rma_identifier", "source", "status", "total_refund_amount_cents"
        )
    )


def paid_amounts():
    return list(
        SimulatedPayment.objects.filter(outcome="paid")
        .order_by("pk")
        .values_list("amount_cents", flat=True)
    )


def open_items():
    return list(Item.objects.filter(resolved_at=None).order_by("pk").values_list("kind", "detail"))


def refund_line(identifier="a", quantity=1, line_identifier="1"):
    return {
        "identifier": identifier,
        "quantity": quantity,
        "order_item_identifier": line_identifier,
    }


def reported(identifier="OMS-R1", total=13056, quantity=1, lines=None, **changes):
    return {
        "identifier": identifier,
        "total_refund_amount_cents": total,
        "refund_line_items": [refund_line(quantity=quantity)] if lines is None else lines,
        "created_at": "2026-01-25T10:00:00Z",
        **changes,
    }


def transaction(identifier, amount, kind="CAPTURE"):
    return {
        "identifier": identifier,
        "parent_identifier": "",
        "amount_cents": amount,
        "status": "SUCCESS",
        "type": kind,
        "gateway": "card",
        "is_online": True,
        "is_test": False,
        "created_at": "2026-01-22T11:24:21Z",
        "updated_at": "2026-01-22T11:24:21Z",
        "payment_details": {},
    }


def scanned(count, **changes):
    return builders.rma(units=[builders.unit()] * count, tracking="TRANSIT", **changes)


def field_errors(response):
    return [(error["field"], error["message"]) for error in response.json()["errors"]]


def test_a_reported_refund_covers_the_refundable_unit_and_not_the_exchanged_one(
    send_order, send_rma, drain
):
    send_order(builders.order(refunds=[reported(rma_identifier="RMA-1")]))
    exchanged = builders.unit(refund_type="INSTANT_EXCHANGE", is_exchange=True)
    send_rma(builders.rma(units=[exchanged, builders.unit()], tracking="TRANSIT"))
    drain()
    assert refunds() == [("RMA-1", "external", "paid", 13056)]
    assert paid_amounts() == []
    assert open_items() == [
        (
            "refund_needs_decision",
            "line 1, unit 1: the shopper has exchanged it, but Optoro's figures "
            "pay all of it back (13056 cents)",
        )
    ]


def test_a_reported_refund_that_names_no_units_holds_its_rma_back(send_order, send_rma, drain):
    send_order(builders.order(refunds=[reported(rma_identifier="RMA-1", lines=[])]))
    send_rma(scanned(1))
    drain()
    assert refunds() == [("RMA-1", "external", "paid", 13056)]
    assert paid_amounts() == []
    assert open_items() == [
        (
            "refund_needs_decision",
            "the order system reports refund OMS-R1 for this RMA without saying for which units",
        )
    ]


def test_a_reported_refund_that_names_no_rma_is_not_made_again_once_optoro_confirms(
    send_order, send_rma, drain
):
    send_order(builders.order())
    send_rma(builders.rma(units=[builders.unit()], tracking="PRE_TRANSIT", minute=1))
    drain()
    send_order(builders.order(refunds=[reported()], updated_at=NEWER))
    drain()
    assert open_items() == []
    send_rma(scanned(1, minute=2, status="REFUNDED"))
    drain()
    assert open_items() == [
        (
            "confirmed_without_refund",
            "line 1, unit 1: Optoro calls the RMA REFUNDED, but the carrier's scan was never "
            "reported",
        )
    ]
    send_rma(scanned(1, minute=1))
    drain()
    assert refunds() == [("", "external", "paid", 13056)]
    assert paid_amounts() == []
    assert open_items() == [
        (
            "confirmed_without_refund",
            "line 1: Optoro calls the RMA REFUNDED, and the order system reports a refund of this "
            "line that names no RMA; it may be this one",
        )
    ]


def test_a_reported_refund_may_list_each_unit_on_its_own(send_order, send_rma, drain):
    lines = [refund_line("a"), refund_line("b")]
    response = send_order(builders.order(refunds=[reported(total=26112, lines=lines)]))
    assert response.status_code == 200
    send_rma(scanned(3))
    drain()
    assert refunds() == [("", "external", "paid", 26112)]
    assert paid_amounts() == []
    assert open_items() == [
        (
            "refund_needs_decision",
            "line 1: 3 unit(s) to refund, but only 2 of 4 shipped are not refunded yet",
        )
    ]


def test_a_reported_refund_with_one_line_identifier_twice_is_refused(send_order):
    lines = [refund_line("a", line_identifier="1"), refund_line("a", line_identifier="2")]
    response = send_order(
        builders.order(
            lines=[builders.line("1"), builders.line("2")],
            refunds=[reported(total=26112, lines=lines)],
        )
    )
    assert response.status_code == 422
    assert field_errors(response) == [
        ("refunds[0].refund_line_items[1].identifier", "'a' is there twice")
    ]


def test_one_refund_identifier_on_two_orders_is_refused(send_order, send_rma, drain):
    send_order(builders.order("ORD-1", refunds=[reported("R1")]))
    second = builders.order("ORD-2", refunds=[reported("R1", total=52224, quantity=4)])
    response = send_order(second)
    assert response.status_code == 422
    assert field_errors(response) == [
        (
            "refunds[0].identifier",
            "'R1' is a refund of order ORD-1; identifiers are unique across all refunds",
        )
    ]
    send_rma(builders.rma(units=[builders.unit("ORD-2")] * 4, tracking="TRANSIT"))
    drain()
    assert refunds() == [("", "external", "paid", 13056)]
    assert paid_amounts() == []


def test_a_reported_refund_of_the_same_units_stops_the_approval(
    send_order, send_rma, drain, store, django_user_model
):
    Store.objects.filter(pk=store.pk).update(refund_trigger="manual")
    send_order(builders.order())
    send_rma(scanned(4))
    drain()
    outside = reported(total=52224, quantity=4, rma_identifier="RMA-1")
    send_order(builders.order(refunds=[outside], updated_at=NEWER))
    drain()
    person = actor()
    with pytest.raises(Refused, match="is canceled: it cannot become approved"):
        approve_refund(refund=Refund.objects.get(source="automatic"), actor=person)
    drain()
    assert refunds() == [
        ("RMA-1", "automatic", "canceled", 52224),
        ("RMA-1", "external", "paid", 52224),
    ]
    assert paid_amounts() == []
    assert open_items() == []


def test_units_refunded_by_the_desk_and_outside_are_shown_to_a_person(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(scanned(4))
    drain()
    outside = reported(total=52224, quantity=4, rma_identifier="RMA-1")
    send_order(builders.order(refunds=[outside], updated_at=NEWER))
    drain()
    assert paid_amounts() == [52224]
    kind, detail = TWICE_REFUNDED
    assert open_items() == [
        (
            kind,
            f"{detail}\nthe order system reports refund OMS-R1 for 4 unit(s) of this RMA, but 4 of "
            "them are not there or refunded otherwise",
        )
    ]


def test_a_reported_refund_also_covers_units_the_rma_names_later(send_order, send_rma, drain):
    outside = reported(total=26112, quantity=2, rma_identifier="RMA-1")
    send_order(builders.order(refunds=[outside]))
    missing = (
        "refund_needs_decision",
        "the order system reports refund OMS-R1 for 2 unit(s) of this RMA, but 1 of them are not "
        "there or refunded otherwise",
    )
    for count, shown in ((1, [missing]), (2, [])):
        send_rma(scanned(count, minute=count))
        drain()
        assert refunds() == [("RMA-1", "external", "paid", 26112)]
        assert paid_amounts() == []
        assert open_items() == shown


def test_a_refund_transaction_counts_against_what_was_captured(send_order, send_rma, drain):
    money = [transaction("t1", 52224), transaction("r1", 13056, "REFUND")]
    send_order(builders.order(transactions=money))
    send_rma(scanned(3))
    drain()
    assert paid_amounts() == [39168]
    send_rma(builders.rma("RMA-2", units=[builders.unit()], tracking="TRANSIT"))
    drain()
    assert paid_amounts() == [39168]
    assert open_items() == [
        (
            "refund_needs_decision",
            "$130.56 to pay, but only $0.00 of what was captured on order ORD-1 has not gone back "
            "yet",
        )
    ]


def test_a_transaction_the_order_no_longer_lists_does_not_raise_the_limit(
    send_order, send_rma, drain
):
    send_order(builders.order(transactions=[transaction("t1", 13056)]))
    send_order(builders.order(transactions=[transaction("t2", 13056)], updated_at=NEWER))
    send_rma(scanned(2))
    drain()
    assert refunds() == []
    assert open_items() == [
        (
            "refund_needs_decision",
            "$261.12 to pay, but only $130.56 of what was captured on order ORD-1 has not gone "
            "back yet",
        )
    ]


def test_one_transaction_identifier_twice_in_an_order_is_refused(send_order):
    money = [transaction("t1", 52224), transaction("t1", 52224, "AUTHORIZATION")]
    response = send_order(builders.order(transactions=money))
    assert response.status_code == 422
    assert field_errors(response) == [("transactions[1].identifier", "'t1' is there twice")]


def test_a_quantity_the_source_calls_refunded_is_not_refunded_again(send_order, send_rma, drain):
    send_order(builders.order(lines=[builders.line(quantity_refunded=4)]))
    send_rma(scanned(4))
    drain()
    assert refunds() == []
    assert open_items() == [ALL_UNITS_REFUNDED]
