"""What is due and does not happen: payments, jobs, approvals; also of stores that are closed."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command

from apps.attention.models import Item
from apps.common import clock
from apps.common.errors import Refused
from apps.common.http import Response
from apps.outbox.models import Job
from apps.payments.models import SimulatedPayment
from apps.reconciliation import actions
from apps.reconciliation.services import reconcile, stores_to_reconcile, sweep_store
from apps.reconciliation.tasks import reconcile as reconcile_task
from apps.refunds.models import ApprovalPolicy, Payout, Refund
from apps.refunds.services import approve_refund
from apps.stores.models import Store
from tests.support import builders
from tests.support.people import actor
from tests.support.wishes import by_api, by_staff, wish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

UNIT = 13056


def later(minutes: float = 0, **spans: float) -> Any:
    return time_machine.travel(clock.now() + timedelta(minutes=minutes, **spans), tick=False)


def found(store: Store) -> list[tuple[str, str, str]]:
    """Each difference as (kind, subject, verdict)."""
    rows = reconcile(store, clock.now())
    return [(one.kind.value, one.subject, one.verdict.value) for one in rows]


def words(store: Store) -> list[str]:
    return [one.explanation for one in reconcile(store, clock.now())]


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def paid() -> list[int]:
    return list(SimulatedPayment.objects.values_list("amount_cents", flat=True))


@pytest.fixture
def ordered(store, send_order, drain) -> None:
    send_order(builders.order())
    drain()


@pytest.fixture
def breaks(monkeypatch):
    """Makes a function raise."""

    def breaks(name: str) -> None:
        def fail(*arguments: Any, **named: Any) -> Any:
            raise RuntimeError("no disk left")

        monkeypatch.setattr(name, fail)

    return breaks


# --- Payments -----------------------------------------------------------------------------------


def test_a_payment_whose_job_fails_is_stuck(ordered, store, drain, breaks, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("apps.refunds.payouts.why_it_no_longer_stands", _fail)
        name = by_api(wish(("1", 1))).refund.identifier
        drain()
        assert found(store) == []
        with later(14):
            assert found(store) == []
        with later(16):
            drain()
            failures = Job.objects.get(topic="refund.pay").failures
            assert failures == 2
            assert found(store) == [("payment_stuck", name, "wrong")]
            key = Payout.objects.get().idempotency_key
            assert words(store) == [
                f"$130.56 of refund {name}, key {key}, is created, and due: its job has failed 2 "
                "times in a row; the last error: RuntimeError: no disk left"
            ]
            assert sweep_store(store, clock.now()) == (1, 0)
            assert found(store) == [("payment_stuck", name, "for_a_person")]
    with later(minutes=120):
        drain()
        assert paid() == [UNIT]
        assert sweep_store(store, clock.now()) == (0, 1)


def _fail(*arguments: Any) -> Any:
    raise RuntimeError("no disk left")


def test_a_payment_whose_job_never_ran_is_stuck(ordered, store):
    by_api(wish(("1", 1)))
    with later(14):
        assert found(store) == []
    with later(16):
        [text] = words(store)
        assert text.endswith("is created, and due: its job waits, and has not run")


def test_a_payment_that_is_held_is_not_stuck(ordered, store):
    by_staff(wish(("1", 1)))
    with later(24):
        assert found(store) == []
    with later(26):
        assert [row[0] for row in found(store)] == ["payment_stuck"]


def test_a_later_part_whose_job_fails_is_stuck(ordered, store, drain):
    name = by_api(wish(("1", 1))).refund.identifier
    Refund.objects.update(status="paying")
    Job.objects.filter(topic="refund.pay").update(failures=9)
    with later(days=1):
        assert found(store) == []
        Job.objects.filter(topic="refund.pay").update(failures=10, error="gone")
        assert found(store) == [("payment_stuck", name, "wrong")]


def test_a_refund_whose_payments_have_all_ended_is_stuck(ordered, store, drain):
    name = by_api(wish(("1", 1))).refund.identifier
    Refund.objects.update(status="paying")
    Payout.objects.update(status="canceled")
    assert found(store) == [("payment_stuck", name, "wrong")]
    assert words(store) == [
        f"$130.56 of refund {name} is paying but none of its payments is open any more"
    ]


def test_one_click_pays_what_lost_its_payment_and_never_settles_it(ordered, store, drain):
    made = by_api(wish(("1", 1))).refund
    Payout.objects.update(status="canceled")
    Job.objects.filter(topic="refund.pay").update(state="done")
    assert found(store) == [("payment_stuck", made.identifier, "wrong")]
    assert actions.queue_payment_again(store_id=store.pk, refund_identifier=made.identifier) == (
        f"What refund {made.identifier} still needs to be paid is queued."
    )
    assert not Job.objects.filter(topic="refund.settle").exists()
    drain()
    assert paid() == [UNIT]
    assert Refund.objects.get().status == "paid"
    assert found(store) == []
    with pytest.raises(Refused, match="is left to pay"):
        actions.queue_payment_again(store_id=store.pk, refund_identifier=made.identifier)


def test_one_click_settles_what_owes_the_shopper_nothing(ordered, store, drain):
    made = by_api(wish(("1", 1))).refund
    Payout.objects.update(status="canceled")
    Job.objects.filter(topic="refund.pay").update(state="done")
    Refund.objects.update(destination="store_credit")
    actions.queue_payment_again(store_id=store.pk, refund_identifier=made.identifier)
    assert Job.objects.filter(topic="refund.settle", state="waiting").count() == 1
    assert found(store) == []


# --- Jobs ---------------------------------------------------------------------------------------


def test_an_evaluation_that_fails_for_an_hour(ordered, store, send_rma, drain, breaks):
    breaks("apps.refunds.evaluation.proposals_for")
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert Job.objects.get(topic="rma.evaluate").failures == 1
    with later(59):
        assert found(store) == []
    with later(61):
        assert found(store) == [("job_fails", "rma.evaluate RMA-1", "wrong")]
        assert words(store) == [
            "“Decide on return” of RMA-1 has failed once; "
            "the last error: RuntimeError: no disk left"
        ]
        assert sweep_store(store, clock.now()) == (1, 0)
        assert found(store) == [("job_fails", "rma.evaluate RMA-1", "for_a_person")]
        item = Item.objects.get()
        assert (item.kind, item.rma_identifier, item.order_identifier) == ("job_fails", "RMA-1", "")
        Job.objects.filter(topic="rma.evaluate").update(state="done")
        assert sweep_store(store, clock.now()) == (0, 1)


@pytest.mark.parametrize("topic", ["rma.evaluate", "order.link", "refund.settle", "order.snapshot"])
def test_ten_failures_in_a_row_are_enough(topic, ordered, store):
    job = Job(store=store, topic=topic, key="77", label="ONE", not_before=clock.now(), failures=9)
    job.save()
    assert found(store) == []
    Job.objects.filter(pk=job.pk).update(failures=10)
    assert found(store) == [("job_fails", f"{topic} ONE", "wrong")]
    Job.objects.filter(pk=job.pk).update(state="held")
    assert found(store) == []


def test_the_snapshot_of_a_refund_stands_once(ordered, store, drain, optoro):
    optoro.answer = lambda content: Response(503)
    by_api(wish(("1", 1)))
    drain()
    with later(61):
        assert Job.objects.get(topic="order.snapshot", state="waiting").failures == 1
        assert [row[0] for row in found(store)] == ["paid_not_reported"]
        Refund.objects.update(reported_at=clock.now())
        assert [row[:2] for row in found(store)] == [("job_fails", "order.snapshot ORD-1")]


# --- Approvals ----------------------------------------------------------------------------------


def test_a_refund_that_waits_for_approval(ordered, store, drain, settings):
    ApprovalPolicy.objects.create(
        store=store, api_limit_cents=1, goodwill_limit_cents=0, staff_hold_minutes=0
    )
    refund = by_api(wish(("1", 1))).refund
    name = refund.identifier
    assert found(store) == [("waits_for_approval", name, "in_time")]
    assert words(store) == [
        f"$130.56 of refund {name} on order ORD-1 waits for approval: $130.56 is above the limit "
        "of refunds by API, $0.01"
    ]
    with later(hours=47):
        assert sweep_store(store, clock.now()) == (0, 0)
        settings.RECONCILE_APPROVAL_WITHIN_HOURS = 47
        assert found(store) == [("waits_for_approval", name, "wrong")]
        settings.RECONCILE_APPROVAL_WITHIN_HOURS = 48
    with later(hours=49):
        assert found(store) == [("waits_for_approval", name, "wrong")]
        assert sweep_store(store, clock.now()) == (1, 0)
        item = Item.objects.get()
        assert (item.kind, item.subject) == ("waits_for_approval", name)
        assert found(store) == [("waits_for_approval", name, "for_a_person")]
        approve_refund(refund=refund, actor=actor("ben"))
        assert sweep_store(store, clock.now()) == (0, 1)


# --- Stores that are closed ---------------------------------------------------------------------


def test_a_closed_store_is_reconciled_until_its_money_is_decided(store, send_order, drain):
    send_order(builders.order("O-LOST"))
    drain()
    by_api(wish(("1", 1), order="O-LOST"))
    drain()
    Store.objects.create(identifier="empty", name="Empty", is_active=False)
    Store.objects.update(is_active=False)
    assert [one.identifier for one in stores_to_reconcile()] == ["store-one"]
    Item.objects.all().delete()
    code, text = run("--store", "store-one")
    assert code == 1
    assert text.startswith("Store store-one (inactive)\n")
    assert reconcile_task() == (1, 0)
    Payout.objects.update(status="canceled")
    assert [one.identifier for one in stores_to_reconcile()] == ["store-one"]
    Refund.objects.update(status="canceled")
    assert run() == (0, "")
