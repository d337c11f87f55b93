"""Units carry no identifier of their own: late messages, renumbered units and a second name for an
order never pay for the same goods twice, and what is held back is shown to a person."""

import pytest

from apps.attention.models import Item
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from apps.refunds.services import cancel_refund
from apps.stores.models import Store
from tests.support import builders
from tests.support.people import actor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

EXCHANGE = {"refund_type": "INSTANT_EXCHANGE", "is_exchange": True}
SETTLED_WITH_OPTORO = {
    "estimated_refund_amount_cents": 13056,
    "optoro_refund_amount_cents": 13056,
    "shopper_refund_amount_cents": 0,
}


def held_back(units):
    return (
        "refund_needs_decision",
        f"line 1: {units} unit(s) held back, because a unit of this line that was decided on "
        "before no longer shows what it was decided on",
    )


def refunds():
    return list(
        Refund.objects.order_by("pk").values_list(
            "status", "total_refund_amount_cents", "shopper_amount_cents"
        )
    )


def payments():
    return list(
        SimulatedPayment.objects.order_by("pk").values_list(
            "order_identifier", "amount_cents", "outcome"
        )
    )


def open_items():
    return list(Item.objects.filter(resolved_at=None).order_by("pk").values_list("kind", "detail"))


def parcel(number, tracking, **changes):
    return builders.unit(tracking_number=number, package_tracking_status=tracking, **changes)


def two_parcels(first, second, minute, **second_changes):
    """An RMA of two units of one line, each in its own parcel."""
    units = [parcel("T1", first), parcel("T2", second, **second_changes)]
    return builders.rma(units=units, minute=minute)


def test_a_late_message_does_not_move_a_refund_to_the_exchanged_unit(send_order, send_rma, drain):
    exchanged = {**EXCHANGE, "refund_financials": SETTLED_WITH_OPTORO}
    send_order(builders.order())
    send_rma(two_parcels("TRANSIT", "TRANSIT", 5, **exchanged))
    drain()
    assert refunds() == [("paid", 26112, 13056)]
    send_rma(two_parcels("TRANSIT", "PRE_TRANSIT", 1, **exchanged))
    drain()
    assert refunds() == [("paid", 26112, 13056)]
    assert payments() == [("ORD-1", 13056, "paid")]
    assert open_items() == []


def test_a_late_message_pays_nothing_twice_under_the_receipt_trigger(
    send_order, send_rma, drain, store
):
    Store.objects.filter(pk=store.pk).update(refund_trigger="receipt")
    send_order(builders.order())
    received = [
        parcel("T1", "DELIVERED", receiving_status="RECEIVED"),
        parcel("T2", "TRANSIT"),
    ]
    send_rma(builders.rma(units=received, minute=5))
    drain()
    assert refunds() == [("paid", 13056, 13056)]
    assert open_items() == []
    send_rma(two_parcels("PRE_TRANSIT", "TRANSIT", 1))
    drain()
    assert refunds() == [("paid", 13056, 13056)]
    assert payments() == [("ORD-1", 13056, "paid")]
    assert open_items() == [held_back(1)]


def test_a_late_message_does_not_pay_the_settlement_part_to_the_shopper(
    send_order, send_rma, drain
):
    settled = {"refund_financials": SETTLED_WITH_OPTORO}
    send_order(builders.order())
    send_rma(two_parcels("TRANSIT", "PRE_TRANSIT", 5, **settled))
    drain()
    assert refunds() == [("paid", 13056, 13056)]
    send_rma(two_parcels(None, "PRE_TRANSIT", 1, **settled))
    drain()
    assert refunds() == [("paid", 13056, 13056)]
    assert open_items() == [held_back(1)]
    send_rma(two_parcels("TRANSIT", "TRANSIT", 9, **settled))
    drain()
    assert refunds() == [("paid", 13056, 13056), ("paid", 13056, 0)]
    assert payments() == [("ORD-1", 13056, "paid")]


def test_a_unit_that_is_held_back_is_shown_to_a_person(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(two_parcels("TRANSIT", "PRE_TRANSIT", 1))
    drain()
    assert refunds() == [("paid", 13056, 13056)]
    assert open_items() == []
    send_rma(two_parcels("RETURNED", "TRANSIT", 2))
    drain()
    assert refunds() == [("paid", 13056, 13056)]
    assert open_items() == [held_back(1)]


def test_one_unit_under_both_names_of_its_order_is_refunded_once(send_order, send_rma, drain):
    send_order(builders.order(secondary_identifier="RO-1"))
    send_rma(builders.rma(units=[builders.unit("ORD-1")], tracking="TRANSIT", minute=1))
    drain()
    send_rma(builders.rma(units=[builders.unit("RO-1")], tracking="TRANSIT", minute=2))
    drain()
    assert refunds() == [("paid", 13056, 13056)]
    assert payments() == [("ORD-1", 13056, "paid")]
    assert open_items() == [held_back(1)]


def test_a_unit_that_names_both_identifiers_waits_for_its_order(send_order, send_rma, drain):
    units = [builders.unit("X-9", secondary_identifier="ORD-1")]
    send_rma(builders.rma(units=units, tracking="TRANSIT"))
    drain()
    assert refunds() == []
    send_order(builders.order("ORD-1"))
    drain()
    assert refunds() == [("paid", 13056, 13056)]
    assert payments() == [("ORD-1", 13056, "paid")]
    assert open_items() == []


def test_an_order_that_shares_only_the_secondary_identifier_is_not_taken(
    send_order, send_rma, drain
):
    send_order(builders.order("ORD-1", secondary_identifier="RO-1"))
    units = [builders.unit("ORD-2", secondary_identifier="RO-1")]
    send_rma(builders.rma(units=units, tracking="TRANSIT"))
    drain()
    assert refunds() == []
    assert open_items() == []
    send_order(builders.order("ORD-2", secondary_identifier="RO-1"))
    drain()
    assert Refund.objects.get().order.identifier == "ORD-2"
    assert payments() == [("ORD-2", 13056, "paid")]


def test_a_secondary_identifier_of_several_orders_is_left_to_a_person(send_order, send_rma, drain):
    send_order(
        builders.order("ORD-1", secondary_identifier="RO-1"),
        builders.order("ORD-2", secondary_identifier="RO-1"),
    )
    send_rma(builders.rma(units=[builders.unit("RO-1")], tracking="TRANSIT"))
    drain()
    assert refunds() == []
    assert open_items() == [
        (
            "refund_needs_decision",
            "RO-1 is the secondary identifier of several orders: it is not clear which one is "
            "meant",
        )
    ]


def test_what_a_person_canceled_is_not_proposed_again_under_another_number(
    send_order, send_rma, drain, store, django_user_model
):
    Store.objects.filter(pk=store.pk).update(refund_trigger="manual")
    send_order(builders.order())
    send_rma(two_parcels("TRANSIT", "PRE_TRANSIT", 5))
    drain()
    refund = Refund.objects.get()
    person = actor()
    cancel_refund(refund=refund, actor=person, reason="fraud")
    drain()
    canceled = f"line 1, unit 1: refund {refund.identifier} was canceled by a person"
    assert open_items() == [("refund_needs_decision", canceled)]
    send_rma(two_parcels(None, "PRE_TRANSIT", 1))
    drain()
    assert refunds() == [("canceled", 13056, 13056)]
    kind, detail = held_back(1)
    assert open_items() == [(kind, f"{canceled}\n{detail}")]


def test_a_later_message_without_the_gift_flag_still_pays_the_giftee(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(
        builders.rma(
            units=[builders.unit()], gift_refund_only=True, giftee_email="giftee@example.com"
        )
    )
    drain()
    assert refunds() == []
    later = builders.rma(units=[builders.unit()], tracking="TRANSIT", minute=5)
    del later["gift_refund_only"]
    send_rma(later)
    drain()
    payment = SimulatedPayment.objects.get()
    assert (payment.destination, payment.recipient_email, payment.amount_cents) == (
        "gift_card",
        "giftee@example.com",
        13056,
    )


def test_a_withdrawn_unit_raises_no_alarm_when_optoro_confirms_the_rest(
    send_order, send_rma, drain
):
    send_order(builders.order())
    send_rma(builders.rma(units=[builders.unit()] * 2, minute=1))
    send_rma(builders.rma(units=[builders.unit()], tracking="TRANSIT", minute=2))
    drain()
    send_rma(builders.rma(units=[builders.unit()], tracking="TRANSIT", minute=3, status="REFUNDED"))
    drain()
    assert payments() == [("ORD-1", 13056, "paid")]
    assert open_items() == []


def test_a_line_the_order_no_longer_has_is_not_refunded(send_order, send_rma, drain):
    send_order(builders.order(lines=[builders.line("1"), builders.line("2")]))
    send_order(builders.order(lines=[builders.line("2")], updated_at="2026-02-01T00:00:00Z"))
    send_rma(builders.rma(units=[builders.unit()], tracking="TRANSIT"))
    drain()
    assert refunds() == []
    assert open_items() == [
        (
            "refund_needs_decision",
            "line 1, unit 1: the RMA returns more than order ORD-1 has shipped as far as the desk "
            "knows; send the newest order",
        )
    ]


def test_a_unit_whose_payment_is_on_an_order_not_known_yet_waits_for_it(
    send_order, send_rma, drain
):
    send_order(builders.order("EX-1"))
    units = [builders.unit("EX-1", original_order_identifier="ORD-1")]
    send_rma(builders.rma(units=units, tracking="TRANSIT"))
    drain()
    assert refunds() == []
    waiting = "line 1, unit 1: its payment is on order ORD-1, which is not known yet"
    assert open_items() == [("refund_needs_decision", waiting)]
    send_order(builders.order("ORD-1"))
    drain()
    assert refunds() == [("paid", 13056, 13056)]
    assert payments() == [("ORD-1", 13056, "paid")]
    assert open_items() == []
