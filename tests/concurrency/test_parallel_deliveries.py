"""On PostgreSQL, with real threads and real commits: parallel deliveries give one refund."""

import random

import pytest
from django.db import connection

from apps.inbox.models import Delivery
from apps.inbox.processing import process_due
from apps.outbox.models import Job, JobState
from apps.outbox.runner import run_due
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund, RefundUnit
from tests.support import builders
from tests.support.threads import in_parallel

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def work_off(number: int) -> None:
    """One worker: goes on until it finds nothing due several times in a row."""
    idle = 0
    while idle < 5:
        idle = 0 if process_due(20) + run_due(20) else idle + 1


def settle() -> None:
    """Works off what is left, conflicts and retries included, without waiting for their times."""
    for _ in range(20):
        Delivery.objects.filter(state="failed").update(next_attempt_at="2026-01-01T00:00:00Z")
        Job.objects.filter(state=JobState.WAITING).update(not_before="2026-01-01T00:00:00Z")
        if not process_due() + run_due():
            return
    raise AssertionError("the queues do not come to rest")


def assert_refunded_once(total_cents: int) -> None:
    assert sum(SimulatedPayment.objects.values_list("amount_cents", flat=True)) == total_cents
    live = Refund.objects.filter(status="paid")
    assert sum(live.values_list("total_refund_amount_cents", flat=True)) == total_cents
    units = RefundUnit.objects.filter(is_live=True).values_list("rma_unit", flat=True)
    assert len(units) == len(set(units)) == 4
    failed = Delivery.objects.filter(state="failed")
    assert not failed.exists(), failed.first().traceback


def test_fifty_deliveries_of_one_message_give_one_refund(send_order, send_rma, optoro):
    send_order(builders.order())
    settle()
    message = builders.rma(tracking="TRANSIT")

    def deliver(number: int) -> int:
        status = send_rma(message).status_code
        work_off(number)
        return status

    assert in_parallel(50, deliver) == [200] * 50
    settle()
    delivery = Delivery.objects.get()
    assert (delivery.copies, delivery.state) == (50, "processed")
    assert Refund.objects.count() == 1
    assert_refunded_once(52224)


@pytest.mark.parametrize("seed", range(3))
def test_all_messages_of_an_rma_at_once_give_one_refund(seed, send_order, send_rma, optoro):
    """Fifty threads deliver ten different messages, the order among them, while four workers
    process; some of the messages share their timestamp."""
    order = builders.order()
    messages = [
        builders.rma(tracking=tracking, minute=minute, status=status)
        for tracking, minute, status in [
            (None, 0, "CREATED"),
            ("PRE_TRANSIT", 0, "CREATED"),
            ("PRE_TRANSIT", 1, "CREATED"),
            ("ACCEPTED", 1, "CREATED"),
            ("TRANSIT", 1, "CREATED"),
            ("TRANSIT", 2, "CREATED"),
            ("DELIVERED", 3, "CREATED"),
            ("DELIVERED", 3, "REFUNDED"),
            ("DELIVERED", 4, "REFUNDED"),
        ]
    ]
    jobs = [("rma", message) for message in messages for _ in range(5)]
    jobs += [("order", order)] + [("work", None)] * 4
    random.Random(seed).shuffle(jobs)

    def play(number: int) -> None:
        kind, message = jobs[number]
        if kind == "rma":
            assert send_rma(message).status_code == 200
        elif kind == "order":
            assert send_order(message).status_code == 200
        else:
            work_off(number)

    in_parallel(len(jobs), play)
    settle()
    assert Delivery.objects.count() == 9
    assert sum(Delivery.objects.values_list("copies", flat=True)) == 45
    assert_refunded_once(52224)
    assert Refund.objects.filter(confirmed_at=None).count() == 0
    assert len(optoro.last()["refunds"]) == Refund.objects.count()


def test_two_rmas_for_the_same_units_at_once_stay_within_the_line(send_order, send_rma, optoro):
    send_order(builders.order())
    settle()

    def deliver(number: int) -> None:
        send_rma(builders.rma(f"RMA-{number}", tracking="TRANSIT"))
        work_off(number)

    in_parallel(12, deliver)
    settle()
    assert_refunded_once(52224)


def test_the_locks_are_taken_before_any_sum_is_read(send_order, send_rma, optoro):
    """Reads the SQL of one evaluation: RMA row, then order rows, then the first SUM."""
    from django.test.utils import CaptureQueriesContext

    from apps.refunds.evaluation import evaluate_rma
    from apps.rmas.models import Rma

    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    process_due()
    with CaptureQueriesContext(connection) as captured:
        evaluate_rma(rma_id=Rma.objects.get().pk)
    statements = [query["sql"] for query in captured]

    def first(*words: str) -> int:
        return next(n for n, sql in enumerate(statements) if all(w in sql for w in words))

    lock_rma = first('FROM "rmas_rma"', "FOR NO KEY UPDATE")
    lock_orders = first('FROM "orders_order"', "FOR NO KEY UPDATE")
    assert lock_rma < lock_orders < first("SUM(", "refunds_refundline")
    assert lock_orders < first("INSERT INTO", "refunds_refund")
