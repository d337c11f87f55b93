"""What is left of an order is read only while its lock is held, and that of the order whose payment
is used: whoever decides, approves or pays takes both locks before it adds anything up."""

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection, connections, transaction

from apps.accounts.models import Role
from apps.common import clock
from apps.common.errors import Refused
from apps.exchanges.models import ExchangeOrder
from apps.orders.models import Order
from apps.orders.queries import lock_orders
from apps.outbox.models import Job
from apps.outbox.types import ClaimedJob
from apps.refunds import evaluation, requests, services
from apps.refunds.evaluation import evaluate_rma
from apps.refunds.models import ApprovalPolicy, Payout, Refund
from apps.refunds.payouts import pay
from apps.refunds.services import approve_refund
from apps.rmas.models import Rma
from tests.support import builders
from tests.support.exchange_requests import post, request, variant
from tests.support.people import actor
from tests.support.wishes import by_api, by_staff, wish

pytestmark = pytest.mark.django_db(transaction=True)

UNIT = 13056
GOODS, PAYER = "ORD-1-X", "ORD-1"


@dataclass
class Steps:
    """What one connection does, in order: its statements, and the locks it asks for."""

    done: list[str] = field(default_factory=list)

    def statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        written = f"{sql} -- {params}"
        self.done.append(written)
        return execute(sql, params, many, context)

    def lock(self, order_ids: Any) -> dict[int, Order]:
        wanted = sorted(set(order_ids))
        self.done.append(f"LOCK {wanted}")
        return lock_orders(wanted)

    def first(self, *words: str) -> int:
        places = [n for n, step in enumerate(self.done) if all(word in step for word in words)]
        assert places, f"nothing with {words} among {len(self.done)} steps"
        return places[0]

    def sums(self) -> list[int]:
        return [n for n, step in enumerate(self.done) if "SUM(" in step and "refunds_" in step]


@contextlib.contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Any:
    steps = Steps()
    with monkeypatch.context() as patched, connection.execute_wrapper(steps.statement):
        for module in (requests, services, evaluation):
            patched.setattr(module, "lock_orders", steps.lock)
        yield steps


@pytest.fixture
def exchanged(store, send_order, send_rma, drain, optoro):
    """Goods that came by an exchange are on their way back: they are paid back on the first order.
    Whatever is decided waits for a person."""
    store.refund_trigger = "manual"
    store.save()
    ApprovalPolicy.objects.create(
        store=store, goodwill_limit_cents=5000, staff_hold_minutes=0, api_hold_minutes=0
    )
    send_order(builders.order(PAYER, secondary_identifier="WEB-1"))
    variant(store)
    assert post(request()).status_code == 200
    assert ExchangeOrder.objects.get().order_identifier == GOODS
    send_order(builders.order(GOODS))
    send_rma(builders.rma(units=[builders.unit(GOODS)], tracking=None))
    drain()
    return store


def keys() -> list[int]:
    return sorted(Order.objects.values_list("pk", flat=True))


def assert_locked_before_summed(steps: Steps) -> None:
    """Both orders at once, in one transaction, before the first sum over refunds or payouts."""
    both = keys()
    assert len(both) == 2
    first_sum = steps.sums()[0]
    assert steps.first(f"LOCK {both}") < first_sum
    if connection.vendor == "sqlite":
        begins = steps.first("BEGIN")
        assert steps.done[begins].startswith("BEGIN IMMEDIATE")
        assert begins < first_sum
        return
    lock = steps.first('FROM "orders_order"', "FOR NO KEY UPDATE", 'ORDER BY "orders_order"."id"')
    assert all(str(key) in steps.done[lock].partition(" -- ")[2] for key in both)
    assert lock < first_sum


def test_before_a_person_makes_a_refund(exchanged, monkeypatch):
    with watched(monkeypatch) as steps:
        made = by_staff(wish(("1", 1), order=GOODS))
    assert made.refund.paid_order.identifier == PAYER
    assert_locked_before_summed(steps)


def test_before_a_machine_makes_one_of_units_of_a_return(exchanged, monkeypatch):
    with watched(monkeypatch) as steps:
        made = by_api(wish(("1", 1), order=GOODS, rma="RMA-1"))
    assert made.refund.paid_order.identifier == PAYER
    assert_locked_before_summed(steps)


def test_before_goodwill_is_given(exchanged, monkeypatch):
    with watched(monkeypatch) as steps:
        by_api(wish(goodwill=100, order=GOODS))
    assert_locked_before_summed(steps)


def propose(send_rma: Any, drain: Any) -> Refund:
    send_rma(builders.rma(units=[builders.unit(GOODS)], tracking="TRANSIT", minute=1))
    drain()
    refund = Refund.objects.get()
    assert (refund.status, refund.paid_order.identifier) == ("proposed", PAYER)
    return refund


def test_before_automation_decides(exchanged, send_rma, monkeypatch):
    from apps.inbox.processing import process_due

    send_rma(builders.rma(units=[builders.unit(GOODS)], tracking="TRANSIT", minute=1))
    process_due()
    with watched(monkeypatch) as steps:
        found = evaluate_rma(rma_id=Rma.objects.get().pk)
    assert [refund.paid_order.identifier for refund in found] == [PAYER]
    assert_locked_before_summed(steps)


def test_before_a_refund_is_approved(exchanged, send_rma, drain, monkeypatch):
    refund = propose(send_rma, drain)
    with watched(monkeypatch) as steps:
        assert approve_refund(refund=refund, actor=actor("lea", Role.LEAD)).status == "approved"
    assert_locked_before_summed(steps)


def test_before_it_is_paid(exchanged, send_rma, drain, monkeypatch):
    refund = propose(send_rma, drain)
    approve_refund(refund=refund, actor=actor("lea", Role.LEAD))
    payout = Payout.objects.get()
    job = ClaimedJob(0, 0, exchanged.pk, "refund.pay", str(payout.pk), 0, clock.in_seconds(60))
    with watched(monkeypatch) as steps:
        pay(job)
    refund.refresh_from_db()
    assert refund.status == "paid"
    assert_locked_before_summed(steps)
    # Its outcome is written down under them as well.
    locks = [n for n, step in enumerate(steps.done) if step == f"LOCK {keys()}"]
    assert len(locks) == 2


# --- Two connections ------------------------------------------------------------------------------


def wait_until(what: Any, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def waits_for_a_lock(backend: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'",
            [backend],
        )
        return bool(cursor.fetchone()[0])


@dataclass
class Second:
    """Somebody else with a connection of their own, who wants the whole of what is left."""

    steps: Steps = field(default_factory=Steps)
    backend: int = 0
    came_of_it: str = ""

    def work(self, wanted: dict[str, Any]) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("select pg_backend_pid()")
                self.backend = cursor.fetchone()[0]
            with connection.execute_wrapper(self.steps.statement):
                by_api(wish(*wanted.get("lines", ()), goodwill=wanted.get("goodwill")), key="b")
            self.came_of_it = "made"
        except Refused as refusal:
            self.came_of_it = str(refusal)
        finally:
            connections.close_all()


@pytest.mark.postgresql
@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("wanted", [{"lines": [("1", 4)]}, {"goodwill": 5000}])
def test_the_second_waits_before_it_reads_and_then_sees_what_the_first_did(
    store, send_order, drain, optoro, commits, wanted
):
    send_order(builders.order())
    drain()
    order = Order.objects.get()
    second = Second()
    thread = threading.Thread(target=second.work, args=(wanted,))
    with transaction.atomic():
        lock_orders([order.pk])
        thread.start()
        wait_until(lambda: second.backend and waits_for_a_lock(second.backend))
        assert "FOR NO KEY UPDATE" in second.steps.done[-1]
        assert second.steps.sums() == []
        assert second.came_of_it == ""
        by_api(wish(*wanted.get("lines", ()), goodwill=wanted.get("goodwill")), key="a")
        transaction.set_rollback(not commits)
    thread.join(timeout=20)
    assert not thread.is_alive()
    assert second.steps.sums() != []
    assert Refund.objects.count() == 1
    if not commits:
        assert second.came_of_it == "made"
        return
    left = "0 of 4 shipped" if "lines" in wanted else "only $0.00 of the $50.00"
    assert left in second.came_of_it
    drain()
    cents = 4 * UNIT if "lines" in wanted else 5000
    assert [*Payout.objects.values_list("status", "amount_cents")] == [("paid", cents)]
    assert not Job.objects.exclude(state="done").exists()
