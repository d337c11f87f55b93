"""A policy's delay: nothing is paid or settled before it is over, whoever brings the job forward,
and until then it can be stopped."""

from datetime import timedelta

import pytest
import time_machine

from apps.common import clock
from apps.inbox.processing import process_due
from apps.outbox.models import Attempt, Job
from apps.outbox.runner import run_due
from apps.outbox.services import resend
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Payout, PayoutAttempt, Refund
from tests.refunds.test_reported_outside import reported, transaction
from tests.support import builders
from tests.support.exchange_requests import item, post, request, variant

pytestmark = [pytest.mark.django_db]

SETTLEMENT = {
    "refund_type": "INSTANT_EXCHANGE",
    "is_exchange": True,
    "refund_financials": {
        "estimated_refund_amount_cents": 13056,
        "shopper_refund_amount_cents": 0,
        "optoro_refund_amount_cents": 13056,
    },
}
CREDIT = {"refund_type": "INSTANT_STORE_CREDIT"}
REFUND = {}
KINDS = pytest.mark.parametrize(
    ("unit", "topic"),
    [(REFUND, "refund.pay"), (SETTLEMENT, "refund.settle"), (CREDIT, "refund.settle")],
    ids=["refund", "settlement", "store credit"],
)


def statuses():
    return list(Refund.objects.order_by("pk").values_list("status", flat=True))


def paid():
    return list(
        SimulatedPayment.objects.order_by("pk").values_list("order_identifier", "amount_cents")
    )


def after(minutes):
    return time_machine.travel(clock.now() + timedelta(minutes=minutes), tick=True)


@pytest.fixture
def waiting(change, send_order, send_rma, drain, optoro):
    """Decides on a refund of one unit, under a delay of 90 minutes."""

    def decide(unit):
        change(payment_delay_minutes=90)
        send_order(builders.order())
        send_rma(builders.rma(units=[builders.unit(**unit)], tracking="TRANSIT"))
        drain()
        [refund] = Refund.objects.all()
        assert refund.payment_due_at - refund.approved_at == timedelta(minutes=90)
        return refund

    return decide


@KINDS
def test_it_waits_out_its_delay_and_is_reported_then(unit, topic, waiting, optoro):
    refund = waiting(unit)
    job = Job.objects.get(topic=topic)
    assert (job.state, job.not_before, job.label) == (
        "waiting",
        refund.payment_due_at,
        refund.identifier,
    )
    with after(89):
        run_due()
        assert (statuses(), optoro.last()["refunds"]) == (["approved"], [])
    with after(91):
        run_due()
    assert statuses() == ["paid"]
    assert paid() == ([("ORD-1", 13056)] if topic == "refund.pay" else [])
    [told] = optoro.last()["refunds"]
    assert told["total_refund_amount_cents"] == 13056


@KINDS
def test_a_job_that_is_brought_forward_is_put_off_until_it_is_due(unit, topic, waiting, drain):
    refund = waiting(unit)
    for _ in range(2):
        resend(job=Job.objects.get(topic=topic, state="waiting"))
        drain()
    assert (statuses(), paid(), PayoutAttempt.objects.count()) == (["approved"], [], 0)
    assert list(Attempt.objects.filter(job__topic=topic).values_list("outcome", flat=True)) == [
        "done",
        "done",
    ]
    job = Job.objects.get(topic=topic, state="waiting")
    assert (job.not_before, job.failures, job.error) == (refund.payment_due_at, 0, "")
    with after(91):
        run_due()
    assert statuses() == ["paid"]
    assert len(paid()) == (1 if topic == "refund.pay" else 0)


@KINDS
def test_it_can_be_stopped_until_its_delay_is_over(unit, topic, waiting, send_rma, optoro):
    waiting(unit)
    canceled = builders.rma(
        units=[builders.unit(**unit)], tracking="TRANSIT", status="CANCELED", minute=5
    )
    send_rma(canceled)
    process_due()
    run_due()
    assert statuses() == ["canceled"]
    with after(91):
        run_due()
    assert (statuses(), paid(), optoro.last()["refunds"]) == (["canceled"], [], [])
    assert not Job.objects.filter(state="waiting").exists()


@KINDS
def test_what_no_longer_stands_when_it_is_due_is_looked_at_again(unit, topic, waiting, send_order):
    """The line turns out to be refunded outside; the job that looks at that got lost."""
    waiting(unit)
    send_order(
        builders.order(
            refunds=[reported(total=52224, quantity=4)], updated_at="2026-02-01T00:00:00Z"
        )
    )
    Job.objects.filter(topic="order.link", state="waiting").update(state="done")
    with after(91):
        run_due()
    assert (statuses()[0], paid()) == ("canceled", [])
    assert Job.objects.get(topic=topic).state == "waiting"
    with after(120):
        assert run_due(limit=50) < 50
    assert (Job.objects.get(topic=topic).state, statuses()[0], paid()) == ("done", "canceled", [])
    assert not Job.objects.filter(state="waiting").exists()


def test_the_first_payment_is_asked_again_when_exchanged_goods_are_due(
    change, store, send_order, send_rma, drain, optoro
):
    change(payment_delay_minutes=60)
    captured = transaction("t1", 52224)
    send_order(builders.order(transactions=[captured]))
    variant(store)
    post(request(items=[item(quantity=1)]))
    send_order(builders.order("ORD-1-X"))
    send_rma(builders.rma(units=[builders.unit("ORD-1-X")], tracking="TRANSIT"))
    drain()
    assert statuses() == ["approved"]
    gone = transaction("t2", 52224, "REFUND")
    send_order(builders.order(transactions=[captured, gone], updated_at="2026-02-01T00:00:00Z"))
    Job.objects.filter(topic="order.link", state="waiting").update(state="done")
    with after(61):
        assert run_due(limit=50) < 50
    assert (statuses(), paid()) == (["canceled"], [])
    assert Payout.objects.get().status == "canceled"


@pytest.mark.parametrize("unit", [SETTLEMENT, CREDIT], ids=["settlement", "store credit"])
def test_a_settlement_without_a_delay_is_made_at_once(unit, send_order, send_rma, drain, optoro):
    send_order(builders.order())
    send_rma(builders.rma(units=[builders.unit(**unit)], tracking="TRANSIT"))
    drain()
    assert (statuses(), paid()) == (["paid"], [])
    assert not Job.objects.filter(topic="refund.settle").exists()
