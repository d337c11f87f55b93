"""Units of one line that could be taken for one another: under several policies, as credit and as
cash, with and without a rounding cent. Each is refunded once, as it should be."""

import itertools
from datetime import timedelta

import pytest
import time_machine

from apps.attention.models import Item
from apps.common import clock
from apps.inbox.processing import process_due
from apps.outbox.runner import run_due
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from apps.stores.models import Store
from tests.support import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

CREDIT = {"refund_type": "INSTANT_STORE_CREDIT"}
RECEIVED = {"package_tracking_status": "DELIVERED", "receiving_status": "RECEIVED"}


def figures(shopper, optoro=0):
    return {
        "refund_financials": {
            "estimated_refund_amount_cents": shopper + optoro,
            "shopper_refund_amount_cents": shopper,
            "optoro_refund_amount_cents": optoro,
        }
    }


def parcel(number, tracking="TRANSIT", **changes):
    changes = {"package_tracking_status": tracking, **changes}
    return builders.unit(tracking_number=number, **changes)


def rma(*units, minute=0, **changes):
    return builders.rma(units=list(units), minute=minute, **changes)


def paid():
    rows = SimulatedPayment.objects.order_by("pk")
    return list(rows.values_list("order_identifier", "amount_cents"))


def standing():
    """The refunds that stand: destination, total, shopper."""
    rows = Refund.objects.exclude(status="canceled").order_by("pk")
    return list(
        rows.values_list("destination", "total_refund_amount_cents", "shopper_amount_cents")
    )


def open_kinds():
    return list(Item.objects.filter(resolved_at=None).values_list("kind", flat=True))


FIRST = ({}, {"mail_back_trigger": "receipt", "automatic_conditions": ["N"]}, None)
SECOND = ("TRANSIT", "DELIVERED")


@pytest.mark.parametrize(("first", "now"), list(itertools.product(FIRST, SECOND)))
def test_units_of_a_line_under_two_policies_are_each_refunded_once(
    first, now, change, send_order, send_rma
):
    """A stricter policy comes between the first unit's refund and the second one's."""
    if first is not None:
        change(**first)
    send_order(builders.order())
    early = parcel("T1", **RECEIVED, warehouse_receipt_condition="N") if first else parcel("T1")
    send_rma(rma(early, parcel("T2", "PRE_TRANSIT")))
    process_due()
    run_due()
    assert paid() == [("ORD-1", 13056)]
    change(mail_back_trigger="receipt", automatic_conditions=["A"])
    late = parcel("T2", **RECEIVED, warehouse_receipt_condition="A")
    send_rma(rma(early if first else parcel("T1", now), late, minute=5))
    process_due()
    assert run_due(limit=60) < 60
    send_order(builders.order(updated_at="2026-01-25T00:00:00Z"))
    assert run_due(limit=60) < 60
    assert paid() == [("ORD-1", 13056)] * 2
    assert Refund.objects.count() == 2
    assert open_kinds() == []


def test_cash_for_one_unit_is_not_taken_for_anothers_credit(store, send_order, send_rma, drain):
    Store.objects.filter(pk=store.pk).update(refund_trigger="receipt")
    send_order(builders.order())
    send_rma(rma(parcel("T1", **RECEIVED), parcel("T2", **CREDIT), minute=5))
    drain()
    assert paid() == [("ORD-1", 13056)]
    send_rma(rma(parcel("T1", "PRE_TRANSIT"), parcel("T2", **CREDIT), minute=1))
    drain()
    send_rma(rma(parcel("T1", **RECEIVED), parcel("T2", **RECEIVED, **CREDIT), minute=9))
    drain()
    assert paid() == [("ORD-1", 13056)]
    assert standing() == [("original_payment", 13056, 13056), ("store_credit", 13056, 13056)]


def test_credit_for_one_unit_is_not_taken_for_anothers_cash(store, send_order, send_rma, drain):
    Store.objects.filter(pk=store.pk).update(refund_trigger="receipt")
    send_order(builders.order())
    send_rma(rma(parcel("T1"), parcel("T2", **RECEIVED, **CREDIT), minute=5))
    drain()
    assert standing() == [("store_credit", 13056, 13056)]
    send_rma(rma(parcel("T1"), parcel("T2", "PRE_TRANSIT", **CREDIT), minute=1))
    drain()
    send_rma(rma(parcel("T1", **RECEIVED), parcel("T2", **RECEIVED, **CREDIT), minute=9))
    drain()
    assert paid() == [("ORD-1", 13056)]
    assert standing() == [("store_credit", 13056, 13056), ("original_payment", 13056, 13056)]


def test_a_rounding_cent_taken_off_does_not_make_two_units_alike(
    store, send_order, send_rma, drain
):
    """A unit costs 10100.5 and is estimated 10101; its refund was 10100, to fit the line."""
    Store.objects.filter(pk=store.pk).update(refund_trigger="receipt")
    line = builders.line(unit_price_amount_cents=10000, tax_amount_cents=402)
    send_order(builders.order(lines=[{**line, "quantity_shipped": 1}]))
    refunded = figures(10101)
    settled = {"refund_type": "INSTANT_EXCHANGE", "is_exchange": True, **figures(0, 10101)}
    send_rma(rma(parcel("T1", **RECEIVED, **refunded), minute=5))
    drain()
    assert paid() == [("ORD-1", 10100)]
    send_order(builders.order(lines=[line], updated_at="2026-01-25T00:00:00Z"))
    send_rma(rma(parcel("T1", **RECEIVED, **refunded), parcel("T2", **settled), minute=6))
    drain()
    send_rma(rma(parcel("T1", "PRE_TRANSIT", **refunded), parcel("T2", **settled), minute=1))
    drain()
    send_rma(
        rma(parcel("T1", **RECEIVED, **refunded), parcel("T2", **RECEIVED, **settled), minute=9)
    )
    drain()
    assert paid() == [("ORD-1", 10100)]
    assert standing() == [("original_payment", 10100, 10100), ("none", 10101, 0)]


@pytest.mark.parametrize(
    ("before", "after", "payments"),
    [
        (CREDIT, {}, []),
        ({}, CREDIT, [("ORD-1", 13056)]),
        ({}, {"refund_type": "INSTANT_EXCHANGE"}, [("ORD-1", 13056)]),
    ],
    ids=["credit, then cash", "cash, then credit", "cash, then exchange"],
)
def test_a_conversion_with_the_same_figures_is_shown(
    before, after, payments, send_order, send_rma, drain
):
    send_order(builders.order())
    send_rma(rma(parcel("T1", **before)))
    drain()
    assert (paid(), open_kinds()) == (payments, [])
    send_rma(rma(parcel("T1", **after), minute=5))
    drain()
    assert paid() == payments
    assert "changed_after_refund" in open_kinds()


@pytest.fixture
def held(change, send_order, send_rma, drain):
    """A refund that is decided and waits for its payment."""

    def hold(unit=None, **policy):
        change(payment_delay_minutes=60, **policy)
        send_order(builders.order())
        send_rma(rma(unit or parcel("T1"), bonus_credit_amount_cents=500))
        drain()
        assert Refund.objects.get().status == "approved"

    return hold


def after_the_delay():
    with time_machine.travel(clock.now() + timedelta(minutes=70), tick=True):
        run_due()


def test_a_cent_more_while_it_waits_is_paid(held, send_rma, drain):
    held(parcel("T1", **figures(13055)))
    send_rma(rma(parcel("T1"), minute=5, bonus_credit_amount_cents=500))
    drain()
    after_the_delay()
    assert paid() == [("ORD-1", 13056)]


def test_the_tolerance_is_asked_again_before_the_payment(held, send_order, drain):
    held(tolerance_cents=5)
    cheaper = [builders.line(unit_price_amount_cents=7000)]
    send_order(builders.order(lines=cheaper, updated_at="2026-01-25T00:00:00Z"))
    drain()
    after_the_delay()
    assert paid() == []
    assert open_kinds() == ["refund_needs_decision"]


def test_a_changed_currency_is_seen_before_the_payment(held, send_order, drain):
    held()
    send_order(builders.order(currency="JPY", updated_at="2026-01-25T00:00:00Z"))
    drain()
    after_the_delay()
    assert set(SimulatedPayment.objects.values_list("currency", flat=True)) == {"JPY"}


def test_a_changed_bonus_is_noted_anew(held, send_rma, drain):
    exchanged = {"refund_type": "INSTANT_EXCHANGE", "is_exchange": True, **figures(3056, 10000)}
    held(parcel("T1", **exchanged))
    assert Refund.objects.get().bonus_credit_amount_cents == 500
    send_rma(rma(parcel("T1", **exchanged), minute=5, bonus_credit_amount_cents=0))
    drain()
    after_the_delay()
    last = Refund.objects.order_by("pk").last()
    assert (last.status, last.bonus_credit_amount_cents) == ("paid", 0)
    assert paid() == [("ORD-1", 3056)]


def test_units_returned_one_by_one_add_up_to_their_line(send_order, send_rma, drain):
    """Five units with 103 cents of tax: each is estimated with 21, rounded up, in a return of its
    own. The last one makes up for the others."""
    line = builders.line(quantity=5, unit_price_amount_cents=1000, tax_amount_cents=103)
    send_order(builders.order(lines=[line]))
    for number in range(5):
        message = rma(parcel(f"T{number}", **figures(1021)))
        send_rma({**message, "rma_identifier": f"RMA-{number}"})
        drain()
    assert [cents for _, cents in paid()] == [1021, 1021, 1021, 1021, 1019]
    assert sum(cents for _, cents in paid()) == 5103
    assert open_kinds() == []
    send_rma(
        {**rma(parcel("T4", "DELIVERED", **figures(1021)), minute=9), "rma_identifier": "RMA-4"}
    )
    drain()
    assert (len(paid()), open_kinds()) == (5, [])
