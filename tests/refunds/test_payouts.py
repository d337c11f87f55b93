"""Moving the money: at most once, whatever dies in between."""

from datetime import timedelta

import pytest
import time_machine

from apps.attention.models import Item
from apps.common import clock
from apps.outbox.runner import run_due
from apps.payments.models import SimulatedPayment
from apps.payments.simulated import SimulatedGateway
from apps.refunds import payouts
from apps.refunds.models import Payout, PayoutAttempt, Refund, RefundUnit
from tests.support import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]


class Killed(BaseException):
    """The process dies here; no handler of the code under test may catch it."""


def scanned(send_order, send_rma, identifier="ORD-1"):
    send_order(builders.order(identifier))
    units = [builders.unit(identifier) for _ in range(4)]
    send_rma(builders.rma(units=units, tracking="TRANSIT"))


def run_later(minutes=10):
    """Works off the outbox as it stands some time from now."""
    with time_machine.travel(clock.now() + timedelta(minutes=minutes), tick=True):
        run_due()


def test_declined_frees_the_units_and_is_not_tried_again(send_order, send_rma, drain):
    scanned(send_order, send_rma, "ORD-1-DECLINE")
    drain()
    refund = Refund.objects.get()
    assert refund.status == "declined"
    assert Payout.objects.get().error == "insufficient funds"
    assert not RefundUnit.objects.filter(is_live=True).exists()
    kinds = Item.objects.filter(resolved_at=None).values_list("kind", flat=True)
    assert sorted(kinds) == ["refund_declined"]
    send_rma(
        builders.rma(units=[builders.unit("ORD-1-DECLINE")] * 4, tracking="DELIVERED", minute=9)
    )
    drain()
    assert Refund.objects.count() == 1


def test_a_time_out_is_unknown_and_resolved_by_asking_with_the_same_key(
    send_order, send_rma, drain, optoro
):
    scanned(send_order, send_rma, "ORD-1-TIMEOUT")
    drain()
    assert Refund.objects.get().status == "unknown"
    assert optoro.last("ORD-1-TIMEOUT")["refunds"] == []
    assert Item.objects.get(resolved_at=None).kind == "payment_unknown"
    assert SimulatedPayment.objects.count() == 1

    run_later()
    refund = Refund.objects.get()
    assert refund.status == "paid"
    assert SimulatedPayment.objects.count() == 1
    assert not Item.objects.filter(resolved_at=None).exists()
    keys = PayoutAttempt.objects.values_list("idempotency_key", flat=True)
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_an_unknown_payment_keeps_its_reservation(send_order, send_rma, drain):
    scanned(send_order, send_rma, "ORD-1-LOST")
    drain()
    assert Refund.objects.get().status == "unknown"
    send_rma(builders.rma("RMA-2", units=[builders.unit("ORD-1-LOST")] * 4, tracking="TRANSIT"))
    drain()
    run_later()
    assert Refund.objects.count() == 1
    assert Refund.objects.get().status == "unknown"


@pytest.mark.parametrize("point", ["before the call", "during the call", "after the call"])
def test_a_crash_around_the_call_pays_exactly_once(point, send_order, send_rma, drain, monkeypatch):
    scanned(send_order, send_rma)
    real_refund = SimulatedGateway.refund

    def dies(self, request):
        if point == "after the call":
            real_refund(self, request)
        raise Killed

    with monkeypatch.context() as crash:
        if point == "during the call":
            crash.setattr(SimulatedGateway, "_book", lambda *args: (_ for _ in ()).throw(Killed()))
        else:
            crash.setattr(SimulatedGateway, "refund", dies)
        with pytest.raises(Killed):
            drain()
    assert Refund.objects.get().status == "paying"
    assert Payout.objects.get().status == "calling"
    drain()
    assert Refund.objects.get().status == "paying"

    run_later(3)
    run_later(6)
    assert Refund.objects.get().status == "paid"
    [payment] = SimulatedPayment.objects.all()
    assert (payment.amount_cents, payment.key) == (52224, str(Payout.objects.get().idempotency_key))


def test_a_crash_before_the_outcome_is_written_pays_exactly_once(
    send_order, send_rma, drain, monkeypatch
):
    scanned(send_order, send_rma)

    def dies(**kwargs):
        raise Killed

    with monkeypatch.context() as crash:
        crash.setattr(payouts, "_record", dies)
        with pytest.raises(Killed):
            drain()
    assert SimulatedPayment.objects.count() == 1
    assert Refund.objects.get().status == "paying"
    run_later(3)
    run_later(6)
    assert Refund.objects.get().status == "paid"
    assert SimulatedPayment.objects.get().calls == 1


def test_a_late_answer_does_not_move_a_settled_payout(send_order, send_rma, drain):
    from apps.payments.types import GatewayOutcome, GatewayResult

    scanned(send_order, send_rma)
    drain()
    payout = Payout.objects.get()
    attempt = payout.attempts.get()
    late = GatewayResult(GatewayOutcome.DECLINED, reason="too late")
    payouts._record(payout_id=payout.pk, attempt_id=attempt.pk, result=late)
    assert Payout.objects.get().status == "paid"
    assert Refund.objects.get().status == "paid"


def test_the_gateway_refuses_to_be_called_inside_a_transaction(store):
    from django.db import transaction

    from apps.common.http import OpenTransaction
    from apps.payments.types import PayoutRequest

    request = PayoutRequest("some key", 1, "USD", "original_payment", "", "ORD-1", "RD-1")
    with transaction.atomic(), pytest.raises(OpenTransaction):
        SimulatedGateway().find(request)
    assert SimulatedGateway().find(request) is None
