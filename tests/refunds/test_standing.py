"""A decision that is not paid yet is asked again: before it is approved, and before it is paid."""

import pytest

from apps.attention.models import Item
from apps.common.errors import Refused
from apps.inbox.processing import process_due, process_next
from apps.outbox.runner import run_next
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from apps.refunds.services import approve_refund
from apps.stores.models import Store
from tests.support import builders
from tests.support.people import actor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

NEWER = "2026-02-01T00:00:00Z"
ONE_SCANNED = builders.rma(units=[builders.unit()], tracking="TRANSIT")


@pytest.fixture
def manual(store):
    Store.objects.filter(pk=store.pk).update(refund_trigger="manual")
    return store


@pytest.fixture
def approve_all(django_user_model):
    person = actor()

    def approve():
        for refund in Refund.objects.filter(status="proposed"):
            approve_refund(refund=refund, actor=person)

    return approve


def reported(**changes):
    line = {"identifier": "OMS-R1_1", "quantity": 1, "order_item_identifier": "1"}
    return {
        "identifier": "OMS-R1",
        "total_refund_amount_cents": 13056,
        "refund_line_items": [line],
        "created_at": "2026-01-25T10:00:00Z",
        "rma_identifier": "RMA-1",
        **changes,
    }


def refund_transaction(cents):
    return {
        "identifier": "r1",
        "parent_identifier": "t1",
        "amount_cents": cents,
        "status": "SUCCESS",
        "type": "REFUND",
        "gateway": "card",
        "is_online": True,
        "is_test": False,
        "created_at": "2026-01-22T11:24:21Z",
        "updated_at": "2026-01-22T11:24:21Z",
        "payment_details": {},
    }


def payments():
    return list(
        SimulatedPayment.objects.order_by("pk").values_list(
            "amount_cents", "destination", "order_identifier"
        )
    )


def turns(limit):
    """Works off what is due, at most `limit` pieces of it; returns how many there were."""
    for count in range(limit):
        if not process_next() and not run_next():
            return count
    return limit


def figures(shopper, optoro=0):
    return {
        "estimated_refund_amount_cents": shopper + optoro,
        "optoro_refund_amount_cents": optoro,
        "shopper_refund_amount_cents": shopper,
    }


@pytest.mark.parametrize(
    ("first", "second"), [((13056, 0), (0, 13056)), ((13056, 0), (13055, 0))], ids=str
)
def test_renumbered_units_do_not_make_decisions_replace_each_other_for_ever(
    first, second, manual, approve_all, send_order, send_rma, drain
):
    def parcels(one, two, minute):
        units = [
            builders.unit(package_tracking_status=status, tracking_number=name, refund_financials=f)
            for status, name, f in (
                (one, "T1", figures(*first)),
                (two, "T2", figures(*second)),
            )
        ]
        return builders.rma(units=units, minute=minute)

    send_order(builders.order())
    send_rma(parcels("TRANSIT", "PRE_TRANSIT", 5))
    drain()
    approve_all()
    drain()
    send_rma(parcels(None, "PRE_TRANSIT", 1))
    send_rma(parcels("TRANSIT", "TRANSIT", 9))
    assert turns(200) < 50
    approve_all()
    drain()
    assert sum(cents for cents, _, _ in payments()) == first[0] + second[0]


@pytest.mark.parametrize(
    "change",
    [
        {"refunds": [reported()]},
        {"refunds": [reported(refund_line_items=[])]},
        {"lines": [builders.line(quantity_refunded=4)]},
        {"transactions": [refund_transaction(52224)]},
    ],
    ids=["refund with lines", "refund without lines", "quantity", "transaction"],
)
@pytest.mark.parametrize("trigger", ["manual", "default"])
def test_what_was_refunded_outside_meanwhile_is_not_paid_again(
    change, trigger, store, approve_all, send_order, send_rma, drain
):
    """Between the proposal and its approval, or between the decision and its payment."""
    Store.objects.filter(pk=store.pk).update(refund_trigger=trigger)
    send_order(builders.order())
    drain()
    send_rma(ONE_SCANNED)
    process_due()
    run_next()
    assert Refund.objects.get().status == ("proposed" if trigger == "manual" else "approved")
    send_order(builders.order(**change, updated_at=NEWER))
    if trigger == "manual":
        # Not evaluated again yet; what came outside is counted all the same.
        with pytest.raises(Refused, match="no longer stands"):
            approve_all()
    drain()
    assert payments() == []
    assert not Refund.objects.exclude(source="external").exclude(status="canceled").exists()


def test_what_was_paid_and_refunded_outside_as_well_is_shown(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(ONE_SCANNED)
    drain()
    send_order(builders.order(refunds=[reported()], updated_at=NEWER))
    drain()
    item = Item.objects.get(resolved_at=None)
    assert "refund OMS-R1 for 1 unit(s) of this RMA, but 1 of them" in item.detail


def test_return_shipping_that_changes_is_counted_anew(
    manual, approve_all, send_order, send_rma, drain
):
    Store.objects.filter(pk=manual.pk).update(charges_return_shipping=True)
    send_order(builders.order())
    send_rma({**ONE_SCANNED, "return_shipping_cost_cents": 700})
    drain()
    assert Refund.objects.get().shopper_amount_cents == 12356
    later = builders.rma(units=[builders.unit()], tracking="TRANSIT", minute=5)
    send_rma(later)
    drain()
    approve_all()
    drain()
    assert payments() == [(13056, "original_payment", "ORD-1")]


def test_the_first_order_that_becomes_known_is_the_one_that_pays(
    manual, approve_all, send_order, send_rma, drain
):
    send_order(builders.order("EX-1"), builders.order("ORD-1"))
    send_rma(builders.rma(units=[builders.unit("EX-1")], tracking="TRANSIT"))
    drain()
    exchanged = builders.unit("EX-1", original_order_identifier="ORD-1")
    send_rma(builders.rma(units=[exchanged], tracking="TRANSIT", minute=5))
    drain()
    approve_all()
    drain()
    assert payments() == [(13056, "original_payment", "ORD-1")]


@pytest.mark.parametrize(
    ("message", "paid"),
    [
        (builders.rma(units=[builders.unit()], tracking="RETURNED", minute=5), []),
        (
            builders.rma(
                units=[builders.unit()],
                tracking="TRANSIT",
                minute=5,
                gift_refund_only=True,
                giftee_email="g@example.com",
            ),
            [(13056, "gift_card", "ORD-1")],
        ),
    ],
    ids=["returned", "gift"],
)
def test_a_message_that_comes_between_decision_and_payment_counts(
    message, paid, send_order, send_rma, drain
):
    send_order(builders.order())
    drain()
    send_rma(ONE_SCANNED)
    process_due()
    run_next()
    assert Refund.objects.get().status == "approved"
    send_rma(message)
    drain()
    drain_again_later()
    assert payments() == paid


def drain_again_later():
    """A payment that was put off comes again after its delay."""
    from apps.outbox.models import Job

    Job.objects.filter(state="waiting").update(not_before="2026-01-01T00:00:00Z")
    assert turns(100) < 100
