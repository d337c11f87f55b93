"""Goods that came by an exchange are paid back from the first order's payment: what happens to that
payment counts for them, and an RMA's word alone diverts none."""

import pytest

from apps.attention.models import Item
from apps.outbox.models import Job
from apps.outbox.runner import run_due
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from apps.refunds.services import cancel_refund, lock_for_decision
from apps.timeline.types import staff
from tests.refunds.test_reported_outside import reported, transaction
from tests.support import builders
from tests.support.exchange_requests import item, post, request, variant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

NEWER = "2026-02-01T00:00:00Z"
CAPTURED = transaction("t1", 52224)
AUTHORIZED = transaction("t1", 52224, "AUTHORIZATION")


def refunds():
    return list(
        Refund.objects.order_by("pk").values_list(
            "order__identifier", "paid_order__identifier", "source", "status"
        )
    )


def paid():
    return list(
        SimulatedPayment.objects.order_by("pk").values_list("order_identifier", "amount_cents")
    )


def open_items():
    return list(Item.objects.filter(resolved_at=None).order_by("pk").values_list("kind", "detail"))


def returned(name, identifier="RMA-1", count=1, **changes):
    units = [builders.unit(name, **changes) for _ in range(count)]
    return builders.rma(identifier, units=units, tracking="TRANSIT")


@pytest.fixture
def exchanged(store, send_order):
    """Places an exchange of ORD-1, and sends the exchange order as the order system does."""

    def exchange(*transactions, **changes):
        send_order(builders.order(transactions=list(transactions)))
        variant(store)
        assert post(request(items=[item(quantity=1)])).json()["order_identifier"] == "ORD-1-X"
        assert send_order(builders.order("ORD-1-X", **changes)).status_code == 200

    return exchange


# --- Refunds made outside ----------------------------------------------------------------------


def test_an_outside_refund_of_exchanged_goods_counts_against_the_first_payment(
    exchanged, send_rma, drain
):
    exchanged(CAPTURED, refunds=[reported(total=52224, quantity=4)])
    send_rma(returned("ORD-1", count=2))
    drain()
    assert refunds() == [("ORD-1-X", "ORD-1", "external", "paid")]
    assert paid() == []
    assert open_items() == [
        (
            "refund_needs_decision",
            "$261.12 to pay, but only $0.00 of what was captured on order ORD-1 has not gone back "
            "yet",
        )
    ]


def test_an_outside_refund_of_exchanged_goods_withdraws_what_the_first_payment_no_longer_covers(
    change, exchanged, send_order, send_rma, drain
):
    change(mail_back_trigger="manual")
    exchanged(transaction("t1", 13056))
    send_rma(returned("ORD-1"))
    drain()
    assert refunds() == [("ORD-1", "ORD-1", "automatic", "proposed")]
    send_order(builders.order("ORD-1-X", refunds=[reported()], updated_at=NEWER))
    drain()
    assert refunds() == [
        ("ORD-1", "ORD-1", "automatic", "canceled"),
        ("ORD-1-X", "ORD-1", "external", "paid"),
    ]


def test_an_order_that_turns_out_to_be_an_exchange_order_had_its_refunds_from_the_first_payment(
    store, send_order, send_rma, drain
):
    """It is sent without its secondary identifier at first."""
    send_order(builders.order(transactions=[transaction("t1", 13056)]))
    variant(store)
    post(request(items=[item(quantity=1)]))
    own = {"identifier": "OMS-77", "refunds": [reported()]}
    send_order(builders.order(**own))
    assert refunds() == [("OMS-77", "OMS-77", "external", "paid")]
    send_order(builders.order(**own, secondary_identifier="ORD-1-X", updated_at=NEWER))
    assert refunds() == [("OMS-77", "ORD-1", "external", "paid")]
    send_rma(returned("ORD-1"))
    drain()
    assert paid() == []


# --- What happens to the first payment is looked at --------------------------------------------


def test_a_capture_of_the_first_order_pays_for_exchanged_goods(
    exchanged, send_order, send_rma, drain
):
    exchanged(AUTHORIZED)
    send_rma(returned("ORD-1-X"))
    drain()
    assert paid() == []
    send_order(builders.order(transactions=[CAPTURED], updated_at=NEWER))
    drain()
    assert paid() == [("ORD-1", 13056)]
    assert open_items() == []


def test_a_capture_of_the_first_order_pays_at_the_end_of_a_line_of_exchanges(
    exchanged, send_order, send_rma, drain
):
    exchanged(AUTHORIZED)
    again = request("ORD-1-X", rma_identifier="RMA-7", items=[item(quantity=1)])
    assert post(again).json()["order_identifier"] == "ORD-1-X-X"
    send_order(builders.order("ORD-1-X-X"))
    send_rma(returned("ORD-1-X-X", original_order_identifier="ORD-1-X"))
    drain()
    assert paid() == []
    send_order(builders.order(transactions=[CAPTURED], updated_at=NEWER))
    drain()
    assert paid() == [("ORD-1", 13056)]


def test_a_payment_that_has_gone_back_withdraws_what_waits_to_be_paid_from_it(
    change, exchanged, send_order, send_rma, drain
):
    change(payment_delay_minutes=60)
    exchanged(CAPTURED)
    send_rma(returned("ORD-1-X"))
    drain()
    assert refunds() == [("ORD-1-X", "ORD-1", "automatic", "approved")]
    gone = transaction("t2", 52224, "REFUND")
    send_order(builders.order(transactions=[CAPTURED, gone], updated_at=NEWER))
    drain()
    assert refunds() == [("ORD-1-X", "ORD-1", "automatic", "canceled")]


@pytest.mark.parametrize("first", ["ORD-1", "ORD-1-X"])
def test_cash_that_a_canceled_refund_frees_goes_to_who_waits_for_it(
    first, change, exchanged, send_rma, drain, lead
):
    second = "ORD-1-X" if first == "ORD-1" else "ORD-1"
    change(mail_back_trigger="manual")
    exchanged(transaction("t1", 13056))
    send_rma(returned(first))
    drain()
    send_rma(returned(second, "RMA-2"))
    drain()
    assert refunds() == [(first, "ORD-1", "automatic", "proposed")]
    cancel_refund(refund=lock_for_decision(Refund.objects.get()), actor=staff(lead.pk), reason="no")
    assert run_due(limit=50) < 50  # the queue runs dry
    assert refunds() == [
        (first, "ORD-1", "automatic", "canceled"),
        (second, "ORD-1", "automatic", "proposed"),
    ]


def test_orders_of_one_line_of_exchanges_do_not_wake_each_other_for_ever(
    exchanged, send_order, send_rma, drain
):
    """The payment covers one of three; the two that wait are not looked at again and again."""
    exchanged(transaction("t1", 13056))
    for number, name in enumerate(("ORD-1", "ORD-1-X", "ORD-1-X"), start=1):
        send_rma(returned(name, f"RMA-{number}"))
    drain()
    assert paid() == [("ORD-1", 13056)]
    outside = reported(total=100, lines=[])
    send_order(builders.order("ORD-1-X", refunds=[outside], updated_at=NEWER))
    send_order(builders.order(transactions=[transaction("t1", 13000)], updated_at=NEWER))
    assert 2 < run_due(limit=50) < 50
    assert not Job.objects.filter(state="waiting").exists()
    assert paid() == [("ORD-1", 13056)]


# --- An RMA's word alone diverts no payment ----------------------------------------------------

SAYS = "line 1, unit 1: the RMA says that it was exchanged from order ORD-9, but order ORD-1 "
ADA = {"identifier": "7", "email": " ADA@example.com", "first_name": "Ada", "last_name": "E"}
BOB = {"identifier": "8", "email": "bob@example.com", "first_name": "Bob", "last_name": "B"}


@pytest.mark.parametrize("kind", ["CAPTURE", "SALE"])
def test_an_order_with_a_payment_of_its_own_is_not_paid_from_another(
    kind, send_order, send_rma, drain
):
    send_order(
        builders.order(transactions=[transaction("t1", 52224, kind)]),
        builders.order("ORD-9", transactions=[transaction("t9", 52224)]),
    )
    send_rma(returned("ORD-1", original_order_identifier="ORD-9"))
    drain()
    assert (refunds(), paid()) == ([], [])
    assert open_items() == [("refund_needs_decision", f"{SAYS}took a payment of its own")]


def test_an_order_that_names_itself_is_paid_from_its_own_payment(send_order, send_rma, drain):
    send_order(builders.order(transactions=[CAPTURED]))
    send_rma(returned("ORD-1", original_order_identifier="ORD-1"))
    drain()
    assert (paid(), open_items()) == ([("ORD-1", 13056)], [])


@pytest.mark.parametrize(
    ("customer", "transactions", "paid_from", "details"),
    [
        (ADA, [], [("ORD-9", 13056)], []),
        (ADA, [AUTHORIZED], [("ORD-9", 13056)], []),
        (BOB, [], [], [f"{SAYS}and order ORD-9 are of different customers"]),
    ],
    ids=["same customer", "authorized only", "another customer"],
)
def test_a_named_order_is_believed_where_nothing_speaks_against_it(
    customer, transactions, paid_from, details, send_order, send_rma, drain
):
    send_order(
        builders.order(transactions=transactions),
        builders.order("ORD-9", transactions=[transaction("t9", 52224)], customer=customer),
    )
    send_rma(returned("ORD-1", original_order_identifier="ORD-9"))
    drain()
    assert paid() == paid_from
    assert open_items() == [("refund_needs_decision", text) for text in details]


def test_an_exchange_order_with_a_capture_of_its_own_is_paid_from_the_first_order(
    exchanged, send_rma, drain
):
    """The desk placed it: that says more than who paid a difference, or received the goods."""
    exchanged(CAPTURED, transactions=[transaction("tx", 500)], customer=BOB)
    send_rma(returned("ORD-1-X", original_order_identifier="ORD-1"))
    drain()
    assert (paid(), open_items()) == ([("ORD-1", 13056)], [])


def test_a_decision_does_not_survive_that_its_order_took_a_payment_of_its_own(
    change, send_order, send_rma, drain, lead
):
    change(mail_back_trigger="manual")
    send_order(builders.order(), builders.order("ORD-9", transactions=[transaction("t9", 52224)]))
    send_rma(returned("ORD-1", original_order_identifier="ORD-9"))
    drain()
    assert refunds() == [("ORD-1", "ORD-9", "automatic", "proposed")]
    send_order(builders.order(transactions=[CAPTURED], updated_at=NEWER))
    drain()
    assert refunds() == [("ORD-1", "ORD-9", "automatic", "canceled")]
    assert open_items() == [("refund_needs_decision", f"{SAYS}took a payment of its own")]
