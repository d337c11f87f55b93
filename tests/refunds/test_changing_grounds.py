"""The grounds of a decision change: proposals that grow stale, cancellations that cross approvals,
gateways that answer late or not at all, and what a person gets to see of it."""

from datetime import timedelta

import pytest
import time_machine

from apps.attention.models import Item
from apps.common import clock
from apps.common.errors import Refused
from apps.common.http import Response
from apps.inbox.processing import process_due
from apps.outbox.runner import run_due, run_next
from apps.payments.models import SimulatedPayment
from apps.payments.simulated import SimulatedGateway
from apps.payments.types import GatewayOutcome, GatewayResult
from apps.refunds import payouts
from apps.refunds.models import Payout, Refund
from apps.refunds.services import approve_refund, cancel_refund
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.support import builders
from tests.support.people import actor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

GIFT = {"gift_refund_only": True}
EXCHANGED = {"refund_type": "INSTANT_EXCHANGE", "is_exchange": True}
NOT_REFUNDED = "the shopper has exchanged it, but Optoro's figures pay all of it back (13056 cents)"
ALL_UNITS_REFUNDED = "line 1: 4 unit(s) to refund, but only 0 of 4 shipped are not refunded yet"


@pytest.fixture
def person(django_user_model):
    return actor()


@pytest.fixture
def manual(store):
    """The store decides on each refund by hand."""
    Store.objects.filter(pk=store.pk).update(refund_trigger="manual")


def refunds():
    return list(Refund.objects.order_by("pk").values_list("rma_identifier", "status"))


def payments():
    return list(
        SimulatedPayment.objects.order_by("pk").values_list(
            "destination", "recipient_email", "amount_cents"
        )
    )


def open_items():
    return list(Item.objects.filter(resolved_at=None).order_by("pk").values_list("kind", "detail"))


def scanned(*units, tracking="TRANSIT", minute=0, **changes):
    return builders.rma(units=list(units), tracking=tracking, minute=minute, **changes)


def pair(unit=None, **changes):
    return scanned(*[builders.unit(**(unit or {}))] * 2, **changes)


def run_later(minutes=10):
    """Works off the outbox as it stands some time from now."""
    with time_machine.travel(clock.now() + timedelta(minutes=minutes), tick=True):
        run_due()


@pytest.mark.parametrize(
    ("before", "after", "paid", "details"),
    [
        (
            pair(**GIFT, giftee_email="wrong@example.com"),
            pair(minute=5, **GIFT, giftee_email="right@example.com"),
            [("gift_card", "right@example.com", 26112)],
            [],
        ),
        (
            pair(),
            pair(minute=5, **GIFT, giftee_email="right@example.com"),
            [("gift_card", "right@example.com", 26112)],
            [],
        ),
        (pair(), pair(minute=5, tracking="FAILURE"), [], ["the parcel failed"]),
        (pair(), pair(minute=5, unit=EXCHANGED), [], [NOT_REFUNDED]),
        (pair(), scanned(builders.unit(), minute=5), [("original_payment", "", 13056)], []),
        (pair(), pair(minute=5, unit={"cents": 5000}), [("original_payment", "", 10000)], []),
    ],
    ids=["other giftee", "now a gift", "parcel failed", "exchange", "unit withdrawn", "amount"],
)
@pytest.mark.usefixtures("manual")
def test_a_stale_proposal_gives_way_to_what_holds_now(
    before, after, paid, details, send_order, send_rma, drain, person
):
    send_order(builders.order())
    send_rma(before)
    drain()
    assert refunds() == [("RMA-1", "proposed")]
    send_rma(after)
    drain()
    assert refunds() == [("RMA-1", "canceled")] + [("RMA-1", "proposed")] * len(paid)
    for refund in Refund.objects.filter(status="proposed"):
        approve_refund(refund=refund, actor=person)
    drain()
    assert payments() == paid
    both = "line 1, unit 1; line 1, unit 2"
    assert open_items() == [("refund_needs_decision", f"{both}: {text}") for text in details]


def test_a_cancellation_before_the_payment_is_sent_stops_it(send_order, send_rma, drain):
    send_order(builders.order())
    drain()
    send_rma(builders.rma(tracking="TRANSIT"))
    process_due()
    run_next()
    assert refunds() == [("RMA-1", "approved")]
    send_rma(builders.rma(tracking="TRANSIT", status="CANCELED", minute=5))
    drain()
    assert refunds() == [("RMA-1", "canceled")]
    assert payments() == []


@pytest.mark.usefixtures("manual")
def test_an_approval_that_crosses_a_cancellation_pays_nothing(send_order, send_rma, drain, person):
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    send_rma(builders.rma(tracking="TRANSIT", status="CANCELED", minute=9))
    process_due()
    with pytest.raises(Refused, match="no longer stands: the RMA was canceled"):
        approve_refund(refund=Refund.objects.get(), actor=person)
    drain()
    assert refunds() == [("RMA-1", "canceled")]
    assert payments() == []
    assert open_items() == []


@pytest.mark.usefixtures("manual")
def test_units_freed_by_a_canceled_rma_are_proposed_for_the_other_one(send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma("RMA-1", tracking="TRANSIT"))
    drain()
    send_rma(builders.rma("RMA-2", tracking="TRANSIT"))
    drain()
    assert refunds() == [("RMA-1", "proposed")]
    assert open_items() == [("refund_needs_decision", ALL_UNITS_REFUNDED)]
    send_rma(builders.rma("RMA-1", tracking="TRANSIT", status="CANCELED", minute=9))
    drain()
    assert refunds() == [("RMA-1", "canceled"), ("RMA-2", "proposed")]
    assert open_items() == []


def test_units_freed_by_a_declined_payment_are_tried_for_the_other_rma(send_order, send_rma, drain):
    send_order(builders.order("O-DECLINE"))
    for name in ("RMA-1", "RMA-2"):
        send_rma(builders.rma(name, units=[builders.unit("O-DECLINE")] * 4, tracking="TRANSIT"))
    drain()
    assert refunds() == [("RMA-1", "declined"), ("RMA-2", "declined")]
    first, second = Refund.objects.order_by("pk").values_list("identifier", flat=True)
    why = "$522.24 of refund {}: insufficient funds"
    both = f"2 times, newest first:\n{why.format(second)}\n{why.format(first)}"
    assert open_items() == [("refund_declined", both)]


@pytest.mark.usefixtures("manual")
def test_units_whose_refund_a_person_canceled_stay_in_sight(send_order, send_rma, drain, person):
    send_order(builders.order())
    units = "; ".join(f"line 1, unit {number}" for number in (1, 2, 3, 4))
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    refund = Refund.objects.get()
    cancel_refund(refund=refund, actor=person, reason="no")
    drain()
    assert open_items() == [
        (
            "refund_needs_decision",
            f"{units}: refund {refund.identifier} was canceled by a person",
        )
    ]


def test_a_declined_payment_is_no_longer_called_paid_but_canceled(send_order, send_rma, drain):
    send_order(builders.order("O-TIMEOUT"))
    send_rma(scanned(builders.unit("O-TIMEOUT")))
    drain()
    send_rma(scanned(builders.unit("O-TIMEOUT"), minute=5, status="CANCELED"))
    drain()
    assert refunds() == [("RMA-1", "unknown")]
    assert [kind for kind, _ in open_items()] == ["payment_unknown", "paid_but_canceled"]
    SimulatedPayment.objects.update(outcome="declined")
    run_later()
    assert refunds() == [("RMA-1", "declined")]
    assert [kind for kind, _ in open_items()] == ["refund_declined"]


def refund_raises(self, request):
    raise RuntimeError("bug")


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ("raises", "RuntimeError: bug"),
        (
            "missing",
            "LookupError: payment gateway 'adyen' is unknown; there are: http, "
            "manual, simulated, stripe",
        ),
    ],
)
def test_a_gateway_that_cannot_be_used_leaves_the_payment_unknown(
    broken, error, send_order, send_rma, drain, store, monkeypatch
):
    if broken == "raises":
        monkeypatch.setattr(SimulatedGateway, "refund", refund_raises)
    else:
        Store.objects.filter(pk=store.pk).update(payment_gateway="adyen")
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    run_later()
    assert refunds() == [("RMA-1", "unknown")]
    assert payments() == []
    identifier, key = Refund.objects.get().identifier, Payout.objects.get().idempotency_key
    detail = f"$522.24 of refund {identifier}, key {key}: {error}"
    assert open_items() == [("payment_unknown", detail)]


def test_an_unknown_answer_does_not_hide_the_answer_of_the_second_try(send_order, send_rma):
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    process_due()
    while not Payout.objects.exists():
        assert run_next()
    payout = Payout.objects.get()
    answers = [
        GatewayResult(GatewayOutcome.UNKNOWN, reason="no answer in time"),
        GatewayResult(GatewayOutcome.PAID, reference="x"),
    ]
    tries = [payouts._begin(payout_id=payout.pk) for _ in answers]
    for begun, result in zip(tries, answers, strict=True):
        payouts._record(payout_id=payout.pk, attempt_id=begun.attempt_id, result=result)
    assert Payout.objects.get().status == "paid"
    assert refunds() == [("RMA-1", "paid")]


def test_a_confirmation_does_not_count_before_the_refund_was_reported(
    send_order, send_rma, drain, optoro
):
    send_order(builders.order())
    drain()
    optoro.answer = lambda order: Response(500)
    send_rma(scanned(builders.unit(), minute=1))
    send_rma(scanned(builders.unit(), minute=2, status="REFUNDED"))
    drain()
    refund = Refund.objects.get()
    assert (refund.status, refund.reported_at, refund.confirmed_at) == ("paid", None, None)


def test_each_rma_of_an_order_shows_when_its_refund_was_reported(send_order, send_rma, drain):
    send_order(builders.order())
    for name in ("RMA-1", "RMA-2"):
        send_rma(builders.rma(name, units=[builders.unit()], tracking="TRANSIT"))
    drain()
    told = Event.objects.filter(kind="refund.reported").values_list("rma_identifier", flat=True)
    assert sorted(told) == ["RMA-1", "RMA-2"]


def test_the_order_that_was_paid_shows_the_refund_of_its_exchange(send_order, send_rma, drain):
    send_order(builders.order("ORD-1"), builders.order("EX-1"))
    send_rma(scanned(builders.unit("EX-1", original_order_identifier="ORD-1")))
    drain()
    told = Event.objects.filter(kind="refund.paid").values_list("order_identifier", flat=True)
    assert sorted(told) == ["EX-1", "ORD-1"]
