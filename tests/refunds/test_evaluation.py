"""What automation decides, through the front doors: orders and RMA messages in, refunds out."""

import pytest

from apps.attention.models import Item
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from apps.stores.models import Store
from tests.support import builders, people

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]


def amounts():
    return list(
        Refund.objects.order_by("pk").values_list(
            "total_refund_amount_cents", "shopper_amount_cents", "status"
        )
    )


def open_kinds():
    return sorted(Item.objects.filter(resolved_at=None).values_list("kind", flat=True))


def test_units_become_refundable_one_by_one(send_order, send_rma, drain):
    send_order(builders.order())
    moving = [
        builders.unit(package_tracking_status="TRANSIT", tracking_number="T1"),
        *[builders.unit() for _ in range(3)],
    ]
    send_rma(builders.rma(units=moving))
    drain()
    assert amounts() == [(13056, 13056, "paid")]
    send_rma(builders.rma(tracking="TRANSIT", minute=9))
    drain()
    assert amounts() == [(13056, 13056, "paid"), (39168, 39168, "paid")]


def test_an_rma_that_comes_before_its_order_waits_and_is_linked(send_order, send_rma, drain):
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert amounts() == []
    assert open_kinds() == []
    send_order(builders.order())
    drain()
    assert amounts() == [(52224, 52224, "paid")]


def test_a_unit_may_name_its_order_by_the_secondary_identifier(send_order, send_rma, drain):
    send_order(builders.order(secondary_identifier="RO-1"))
    send_rma(builders.rma(units=[builders.unit("RO-1")], tracking="TRANSIT"))
    drain()
    assert amounts() == [(13056, 13056, "paid")]


def test_more_than_was_paid_is_never_refunded(send_order, send_rma, drain):
    send_order(builders.order())
    greedy = [builders.unit(cents=13100) for _ in range(4)]
    send_rma(builders.rma(units=greedy, tracking="TRANSIT"))
    drain()
    assert amounts() == []
    assert open_kinds() == ["refund_needs_decision"]
    detail = Item.objects.get().detail
    assert "$524.00 to refund, but only $522.24 of what was paid is left" in detail
    send_rma(builders.rma(tracking="TRANSIT", minute=5))
    drain()
    assert amounts() == [(52224, 52224, "paid")]
    assert open_kinds() == []


def test_two_rmas_for_the_same_units_refund_them_once(send_order, send_rma, drain):
    send_order(builders.order())
    for name in ("RMA-1", "RMA-2"):
        send_rma(builders.rma(name, units=[builders.unit() for _ in range(3)], tracking="TRANSIT"))
        drain()
    assert amounts() == [(39168, 39168, "paid")]
    assert "only 1 of 4 shipped are not refunded yet" in Item.objects.get(resolved_at=None).detail


def test_cash_is_limited_by_what_was_captured(send_order, send_rma, drain):
    captured = {
        "identifier": "t1",
        "parent_identifier": "",
        "amount_cents": 20000,
        "status": "SUCCESS",
        "type": "CAPTURE",
        "gateway": "card",
        "is_online": True,
        "is_test": False,
        "created_at": "2026-01-22T11:24:21Z",
        "updated_at": "2026-01-22T11:24:21Z",
        "payment_details": {},
    }
    send_order(builders.order(transactions=[captured]))
    send_rma(builders.rma(units=[builders.unit()], tracking="TRANSIT"))
    send_rma(builders.rma("RMA-2", units=[builders.unit()], tracking="TRANSIT"))
    drain()
    assert amounts() == [(13056, 13056, "paid")]
    assert "only $69.44 of what was captured" in Item.objects.get(resolved_at=None).detail


def test_a_canceled_rma_is_not_refunded(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT", status="CANCELED"))
    send_rma(builders.rma(tracking="TRANSIT", minute=5))
    drain()
    assert amounts() == []
    send_rma(builders.rma("RMA-2", tracking="TRANSIT"))
    drain()
    assert amounts() == [(52224, 52224, "paid")]


def test_canceled_after_the_payment_is_shown_to_a_person(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    send_rma(builders.rma(tracking="TRANSIT", status="CANCELED", minute=5))
    drain()
    assert amounts() == [(52224, 52224, "paid")]
    assert open_kinds() == ["paid_but_canceled"]


def test_refunded_by_optoro_without_a_refund_of_ours_is_shown(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT", status="REFUNDED"))
    drain()
    assert amounts() == []
    assert open_kinds() == ["confirmed_without_refund"]


def test_a_gift_refund_without_an_address_is_left_to_a_person(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT", gift_refund_only=True))
    drain()
    assert amounts() == []
    send_rma(
        builders.rma(
            tracking="TRANSIT", gift_refund_only=True, giftee_email="g@example.com", minute=1
        )
    )
    drain()
    assert amounts() == [(52224, 52224, "paid")]
    assert SimulatedPayment.objects.get().destination == "gift_card"


def test_return_shipping_is_kept_back_once_per_rma(send_order, send_rma, drain, store):
    Store.objects.filter(pk=store.pk).update(charges_return_shipping=True)
    send_order(builders.order())
    first = [
        builders.unit(package_tracking_status="TRANSIT", tracking_number="T1"),
        *[builders.unit() for _ in range(3)],
    ]
    send_rma(builders.rma(units=first, return_shipping_cost_cents=700))
    drain()
    send_rma(builders.rma(tracking="TRANSIT", minute=5, return_shipping_cost_cents=700))
    drain()
    parts = Refund.objects.order_by("pk").values_list(
        "total_refund_amount_cents", "shopper_amount_cents", "retained_amount_cents"
    )
    assert list(parts) == [(13056, 12356, 700), (39168, 39168, 0)]


def test_under_the_manual_trigger_a_refund_waits_for_a_person(
    send_order, send_rma, drain, store, django_user_model
):
    from apps.refunds.services import approve_refund
    from apps.timeline.types import staff

    Store.objects.filter(pk=store.pk).update(refund_trigger="manual")
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert amounts() == [(52224, 52224, "proposed")]
    assert SimulatedPayment.objects.count() == 0
    person = people.person()
    approve_refund(refund=Refund.objects.get(), actor=staff(person.pk))
    drain()
    assert amounts() == [(52224, 52224, "paid")]
    assert Refund.objects.get().approver == person


def test_a_proposal_is_withdrawn_when_its_rma_is_canceled(send_order, send_rma, drain, store):
    Store.objects.filter(pk=store.pk).update(refund_trigger="manual")
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    send_rma(builders.rma(tracking="TRANSIT", status="CANCELED", minute=5))
    drain()
    assert amounts() == [(52224, 52224, "canceled")]
    assert open_kinds() == []


def test_goods_from_an_exchange_are_paid_on_the_first_order(send_order, send_rma, drain, optoro):
    """flows.md: an even exchange took no payment, so its return goes back to the first one."""
    send_order(builders.order("ORD-1"), builders.order("EX-1"))
    units = [builders.unit("EX-1", original_order_identifier="ORD-1") for _ in range(4)]
    send_rma(builders.rma(units=units, tracking="TRANSIT"))
    drain()
    refund = Refund.objects.get()
    assert (refund.order.identifier, refund.paid_order.identifier) == ("EX-1", "ORD-1")
    assert SimulatedPayment.objects.get().order_identifier == "ORD-1"
    assert [r["total_refund_amount_cents"] for r in optoro.last("EX-1")["refunds"]] == [52224]
    assert optoro.last("ORD-1")["refunds"] == []


def reported(identifier="OMS-R1", total=13056, quantity=1, **changes):
    return {
        "identifier": identifier,
        "total_refund_amount_cents": total,
        "refund_line_items": [
            {"identifier": f"{identifier}_1", "quantity": quantity, "order_item_identifier": "1"}
        ],
        "created_at": "2026-01-25T10:00:00Z",
        **changes,
    }


def test_refunds_made_outside_count_against_the_limits(send_order, send_rma, drain, optoro):
    send_order(builders.order(refunds=[reported(total=26112, quantity=2)]))
    send_rma(builders.rma(units=[builders.unit()] * 3, tracking="TRANSIT"))
    drain()
    assert amounts() == [(26112, 26112, "paid")]
    assert open_kinds() == ["refund_needs_decision"]
    assert [r["identifier"] for r in optoro.last()["refunds"]] == ["OMS-R1"]


def test_a_refund_made_outside_for_an_rma_is_not_made_again(send_order, send_rma, drain):
    send_order(builders.order(refunds=[reported(rma_identifier="RMA-1")]))
    send_rma(builders.rma(units=[builders.unit()] * 2, tracking="TRANSIT"))
    drain()
    assert amounts() == [(13056, 13056, "paid"), (13056, 13056, "paid")]
    assert SimulatedPayment.objects.count() == 1


def test_our_own_refund_reported_back_by_the_order_system_is_not_a_second_one(
    send_order, send_rma, drain, optoro
):
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    echoed = optoro.last()["refunds"]
    result = send_order(builders.order(refunds=echoed, updated_at="2026-02-01T00:00:00Z"))
    assert result.json()["results"][0]["result"] == "updated"
    drain()
    assert amounts() == [(52224, 52224, "paid")]
    assert optoro.last()["refunds"] == echoed


def test_an_older_message_that_renumbers_units_pays_nothing_twice(send_order, send_rma, drain):
    """One of two units was dropped off. Whatever a late, older message does to the numbering of
    the units, one unit is refunded."""
    send_order(builders.order())
    partial = [
        builders.unit(package_tracking_status="ACCEPTED", tracking_number="B"),
        builders.unit(package_tracking_status="NOT_DROPPED_OFF", tracking_number="A"),
    ]
    send_rma(builders.rma(units=partial, return_method="express-returns", minute=5))
    drain()
    assert amounts() == [(13056, 13056, "paid")]
    for minute, (first, second) in enumerate([("A", "B"), ("B", "A"), ("C", "B")]):
        older = [
            builders.unit(package_tracking_status="PRE_TRANSIT", tracking_number=first),
            builders.unit(package_tracking_status="PRE_TRANSIT", tracking_number=second),
        ]
        send_rma(builders.rma(units=older, return_method="express-returns", minute=minute))
        drain()
        assert amounts() == [(13056, 13056, "paid")]


def test_the_settlement_part_is_not_paid_to_the_shopper(send_order, send_rma, drain, optoro):
    send_order(builders.order())
    split = {
        "estimated_refund_amount_cents": 13056,
        "optoro_refund_amount_cents": 13056,
        "shopper_refund_amount_cents": 0,
    }
    send_rma(builders.rma(units=[builders.unit(refund_financials=split)] * 4, tracking="TRANSIT"))
    drain()
    assert amounts() == [(52224, 0, "paid")]
    assert SimulatedPayment.objects.count() == 0
    assert [r["total_refund_amount_cents"] for r in optoro.last()["refunds"]] == [52224]
