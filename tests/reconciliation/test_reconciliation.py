"""The reconciler: every kind of difference with its figures, its verdict and its exception."""

import json
import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.attention.models import Item
from apps.attention.services import close_items, dismiss_item
from apps.common import clock
from apps.common.http import Response
from apps.exchanges.models import ExchangeOrder
from apps.orders.models import Order
from apps.outbox.models import Job
from apps.outbox.runner import run_due
from apps.reconciliation.rules import DifferenceKind, Judgment, age_in_words
from apps.reconciliation.services import reconcile, sweep_store
from apps.reconciliation.sums import sums
from apps.reconciliation.tasks import reconcile as reconcile_task
from apps.refunds.models import Payout, PayoutAttempt, Refund, RefundLine, RefundUnit
from apps.rmas.models import Rma
from apps.stores.models import Store
from tests.support import builders
from tests.support.exchange_requests import post, request, variant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]


QUERIES = 30
# Orders that look overdrawn are read with what was decided for them.
QUERIES_ABOUT_SUSPICIOUS = 5


@pytest.fixture(autouse=True)
def ledger_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most states here are made by changing rows behind the ledger's back; that it disagrees then
    is shown in tests/refunds/test_books.py."""
    monkeypatch.setattr("apps.reconciliation.integrity.ledger_differs", lambda store_id: [])


def later(minutes: float = 0, **spans: float) -> Any:
    return time_machine.travel(clock.now() + timedelta(minutes=minutes, **spans), tick=False)


def differences(store: Store) -> list[Any]:
    return reconcile(store, clock.now())


def found(store: Store) -> list[tuple[str, str, str]]:
    """Each difference as (kind, explanation, verdict)."""
    return [(d.kind.value, d.explanation, d.verdict.value) for d in differences(store)]


def sweep(store: Store) -> tuple[int, int]:
    return sweep_store(store, clock.now())


def open_kinds() -> list[tuple[str, str]]:
    rows = Item.objects.filter(resolved_at=None).order_by("pk")
    return list(rows.values_list("kind", "subject"))


@pytest.fixture
def paid(store, send_order, send_rma, drain) -> Refund:
    """ORD-1 with four units returned, paid and reported."""
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    return Refund.objects.get()


def run(*arguments: str) -> tuple[int, str]:
    """Runs the command; returns its exit code and what it printed."""
    out = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def verdict_of(store: Store, kind: str) -> str:
    return next(d.verdict.value for d in differences(store) if d.kind == kind)


# --- Open loops ---------------------------------------------------------------------------------


def test_the_four_ticks_leave_no_difference(paid, store, send_rma, drain):
    assert found(store) == [
        (
            "reported_not_confirmed",
            f"$522.24 of refund {paid.identifier} is reported on order ORD-1, and Optoro has not "
            "closed RMA RMA-1",
            "in_time",
        )
    ]
    send_rma(builders.rma(tracking="DELIVERED", status="REFUNDED", minute=9))
    drain()
    assert found(store) == []


def test_paid_and_not_reported(store, send_order, send_rma, drain, optoro):
    send_order(builders.order())
    drain()
    send_rma(builders.rma(tracking="TRANSIT"))
    accepts = optoro.answer
    optoro.answer = lambda content: Response(503)
    drain()
    refund = Refund.objects.get()
    assert refund.status == "paid"
    assert found(store) == [
        (
            "paid_not_reported",
            f"$522.24 of refund {refund.identifier} is paid and not reported on order ORD-1: its "
            "snapshot waits to be sent",
            "in_time",
        )
    ]
    assert sweep(store) == (0, 0)
    with later(59):
        assert verdict_of(store, "paid_not_reported") == "in_time"
    with later(61):
        assert verdict_of(store, "paid_not_reported") == "wrong"
        assert sweep(store) == (1, 0)
        assert sweep(store) == (0, 0)
        assert open_kinds() == [("paid_not_reported", refund.identifier)]
        assert verdict_of(store, "paid_not_reported") == "for_a_person"
    with later(61 + 4 * 60):
        assert verdict_of(store, "paid_not_reported") == "wrong"
    with later(70):
        optoro.answer = accepts
        run_due()
        assert sweep(store) == (0, 1)
    item = Item.objects.get(kind="paid_not_reported")
    assert item.resolution == "its cause is gone"
    assert not item.is_dismissed


def test_a_refused_snapshot_says_so(store, send_order, send_rma, drain, optoro):
    send_order(builders.order())
    drain()
    optoro.answer = lambda content: Response(422, json={"message": "no", "errors": []})
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    [difference] = differences(store)
    assert difference.kind == "paid_not_reported"
    assert difference.explanation.endswith("Optoro refused the order's snapshot")


def test_nothing_is_going_to_report_it(paid, store):
    Refund.objects.update(reported_at=None)
    assert [(kind, verdict) for kind, _, verdict in found(store)] == [("no_snapshot_job", "wrong")]
    sweep(store)
    assert open_kinds() == [("paid_not_reported", paid.identifier)]
    assert verdict_of(store, "no_snapshot_job") == "for_a_person"


def test_an_echo_is_waited_for_48_hours(paid, store):
    with later(hours=47):
        assert verdict_of(store, "reported_not_confirmed") == "in_time"
        assert sweep(store) == (0, 0)
    with later(hours=49):
        assert verdict_of(store, "reported_not_confirmed") == "wrong"
        assert sweep(store) == (1, 0)
        assert open_kinds() == [("reported_not_confirmed", paid.identifier)]
        assert verdict_of(store, "reported_not_confirmed") == "for_a_person"


def test_no_echo_is_waited_for_while_other_units_are_not_refunded(
    store, send_order, send_rma, drain
):
    send_order(builders.order())
    units = [builders.unit(package_tracking_status=t) for t in ("TRANSIT", "PRE_TRANSIT")]
    send_rma(builders.rma(units=units))
    drain()
    assert Refund.objects.get().reported_at
    assert found(store) == []
    units[1]["package_tracking_status"] = "NOT_DROPPED_OFF"
    send_rma(builders.rma(units=units, minute=5))
    drain()
    assert [d.kind.value for d in differences(store)] == ["reported_not_confirmed"]


@pytest.mark.parametrize("change", [{"kind": "goodwill"}, {"rma": None}])
def test_refunds_that_are_never_confirmed_are_not_waited_for(change, paid, store):
    assert len(found(store)) == 1
    Refund.objects.update(**change)
    with later(days=30):
        assert [d for d in differences(store) if d.kind == "reported_not_confirmed"] == []


def test_optoro_says_refunded_and_the_desk_did_not(store, send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma(status="REFUNDED"))
    drain()
    text = (
        "Optoro says that RMA RMA-1 is refunded, but 4 unit(s) of it, worth $522.24, are in no "
        "refund of the desk"
    )
    assert found(store) == [("confirmed_without_refund", text, "for_a_person")]
    with later(hours=25):
        assert verdict_of(store, "confirmed_without_refund") == "wrong"
    Item.objects.all().delete()
    assert verdict_of(store, "confirmed_without_refund") == "in_time"
    with later(16):
        assert verdict_of(store, "confirmed_without_refund") == "wrong"
        assert sweep(store) == (1, 0)
        assert open_kinds() == [("confirmed_without_refund", "RMA-1")]


def test_what_its_own_code_opens_stays_dismissed(store, send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma(status="REFUNDED"))
    drain()
    ana = User.objects.create_user("ana")
    assert dismiss_item(item=Item.objects.get(), user_id=ana.pk, note="refunded in the shop")
    with later(hours=30):
        [difference] = differences(store)
        assert (difference.verdict, difference.note) == ("for_a_person", "refunded in the shop")
        assert sweep(store) == (0, 0)


def test_a_live_refund_on_a_canceled_rma(paid, store, send_rma, drain):
    send_rma(builders.rma(tracking="TRANSIT", status="CANCELED", minute=9))
    drain()
    text = f"$522.24 of refund {paid.identifier} is paid, and Optoro has canceled RMA RMA-1"
    assert found(store) == [("live_on_canceled_rma", text, "for_a_person")]
    assert open_kinds() == [("paid_but_canceled", paid.identifier)]
    with later(days=3):
        assert verdict_of(store, "live_on_canceled_rma") == "wrong"


def test_an_unknown_payment(store, send_order, send_rma, drain):
    send_order(builders.order("ORD-1-LOST"))
    send_rma(builders.rma(units=[builders.unit("ORD-1-LOST")] * 4, tracking="TRANSIT"))
    drain()
    payout = Payout.objects.get()
    text = (
        f"$522.24 of refund {payout.refund.identifier}, key {payout.idempotency_key}, at "
        "simulated: it is unknown whether it was paid"
    )
    assert found(store) == [("payment_unknown", text, "for_a_person")]
    with later(61):
        assert verdict_of(store, "payment_unknown") == "wrong"
    Item.objects.all().delete()
    assert verdict_of(store, "payment_unknown") == "wrong"
    assert sweep(store) == (1, 0)
    assert open_kinds() == [("payment_unknown", payout.refund.identifier)]
    assert sweep(store) == (0, 0)
    Payout.objects.update(status="canceled")
    Refund.objects.update(status="canceled")
    RefundUnit.objects.update(is_live=False)
    assert sweep(store) == (0, 1)


@pytest.mark.parametrize(
    ("status", "gateway", "kind", "at_once", "in_four_days"),
    [
        ("calling", "simulated", "payment_undecided", "in_time", "wrong"),
        ("pending", "simulated", "payment_undecided", "in_time", "wrong"),
        ("pending", "manual", "payment_by_hand", "wrong", "wrong"),
    ],
)
def test_payments_that_wait(status, gateway, kind, at_once, in_four_days, paid, store):
    Refund.objects.update(status="paying", reported_at=None)
    Payout.objects.update(status=status, gateway=gateway)
    Job.objects.filter(topic="refund.pay").update(state="waiting")
    assert [(k, v) for k, _, v in found(store)] == [(kind, at_once)]
    with later(days=4):
        assert verdict_of(store, kind) == in_four_days


def test_due_and_nothing_pays_it(paid, store):
    Refund.objects.update(status="approved", reported_at=None)
    Payout.objects.update(status="created")
    Job.objects.filter(topic="refund.pay").update(state="waiting")
    assert found(store) == []
    Job.objects.filter(topic="refund.pay").update(state="done")
    payout = Payout.objects.get()
    text = (
        f"$522.24 of refund {paid.identifier}, key {payout.idempotency_key}, is created, and no "
        "job waits to pay it or to ask about it"
    )
    assert found(store) == [("payment_stuck", text, "wrong")]
    assert sweep(store) == (1, 0)
    assert open_kinds() == [("payment_stuck", paid.identifier)]
    assert verdict_of(store, "payment_stuck") == "for_a_person"
    Refund.objects.update(payment_due_at=clock.now() + timedelta(hours=1))
    assert found(store) == []
    assert sweep(store) == (0, 1)


def test_an_approved_refund_without_payment_or_job(paid, store):
    Refund.objects.update(status="approved", reported_at=None)
    Payout.objects.update(status="canceled")
    [(kind, text, verdict)] = found(store)
    assert (kind, verdict) == ("payment_stuck", "wrong")
    assert text.endswith("has neither a payment nor a job that settles it")


def test_a_cancellation_waits(store, send_order, send_rma, drain):
    send_order(builders.order())
    send_rma(builders.rma())
    drain()
    assert found(store) == []
    Rma.objects.update(cancellation_requested_at=clock.now())
    text = (
        "the cancellation of RMA RMA-1, worth $522.24, was asked for, and Optoro has not confirmed "
        "it"
    )
    assert found(store) == [("cancellation_waits", text, "wrong")]
    assert sweep(store) == (1, 0)
    assert verdict_of(store, "cancellation_waits") == "for_a_person"
    with later(days=2):
        assert verdict_of(store, "cancellation_waits") == "wrong"
    Rma.objects.update(status="CANCELED")
    assert found(store) == []
    assert sweep(store) == (0, 1)


# --- Books that must always add up --------------------------------------------------------------


def broken(store: Store) -> list[tuple[str, str]]:
    """What is wrong with the books, whatever is open beside it."""
    rows = [d for d in differences(store) if d.verdict == Judgment.WRONG]
    with later(days=30):
        assert all(d.verdict == Judgment.WRONG for d in differences(store))
    return [(d.kind.value, d.explanation) for d in rows]


def test_payments_that_are_not_what_is_owed(paid, store):
    assert broken_without_waiting(store) == []
    Payout.objects.update(amount_cents=52223)
    assert broken(store) == [
        (
            "payouts_do_not_add_up",
            f"refund {paid.identifier} is paid, but its payments add up to $522.23 and the shopper "
            "is owed $522.24",
        )
    ]
    Refund.objects.update(destination="store_credit")
    assert broken(store) == [
        (
            "payouts_do_not_add_up",
            f"refund {paid.identifier} is paid, but its payments add up to $522.23 and the shopper "
            "is owed $0.00",
        )
    ]
    Refund.objects.update(source="external")
    assert broken_without_waiting(store) == []


def broken_without_waiting(store: Store) -> list[str]:
    return [d.kind.value for d in differences(store) if d.verdict == Judgment.WRONG]


def test_a_declined_refund_that_was_paid(paid, store):
    Refund.objects.update(status="declined")
    RefundUnit.objects.update(is_live=False)
    assert broken(store) == [
        ("paid_though_ended", f"refund {paid.identifier} is declined, but $522.24 of it was paid")
    ]


def test_more_paid_than_captured(store, send_order, send_rma, drain):
    capture = {
        "identifier": "T-1",
        "parent_identifier": "",
        "amount_cents": 60000,
        "status": "SUCCESS",
        "type": "CAPTURE",
        "gateway": "card",
        "is_online": True,
        "is_test": False,
        "created_at": "2026-01-22T11:24:21Z",
        "updated_at": "2026-01-22T11:24:21Z",
        "payment_details": {},
    }
    send_order(builders.order(transactions=[capture]))
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    order = Refund.objects.get().paid_order
    order.transactions.update(amount_cents=52224)
    assert broken_without_waiting(store) == []
    order.transactions.update(amount_cents=52223)
    assert broken(store) == [
        (
            "more_than_captured",
            "$522.24 was paid back to the payment of order ORD-1, but $522.23 was captured",
        ),
        (
            "payment_overdrawn",
            "$522.24 is paid back, or going to be, to payment T-1 of order ORD-1, which captured "
            "$522.23",
        ),
    ]
    order.transactions.all().delete()
    assert broken_without_waiting(store) == ["more_than_captured"]
    Order.objects.update(has_told_transactions=False)
    assert broken_without_waiting(store) == []


@pytest.mark.parametrize(
    ("change", "amount"),
    [({"amount_cents": 52225}, "$522.25 for 4"), ({"quantity": 5}, "$522.24 for 5")],
)
def test_a_line_refunded_above_its_worth(change, amount, paid, store):
    assert broken_without_waiting(store) == []
    RefundLine.objects.update(**change)
    text = (
        f"{amount} unit(s) of line 1 of order ORD-1 is refunded or under way, but its 4 shipped "
        "unit(s) cost $522.24"
    )
    assert ("line_overdrawn", text) in broken(store)
    Refund.objects.update(source="external")
    assert "line_overdrawn" not in broken_without_waiting(store)


def test_a_unit_in_two_live_refunds(store, send_order, send_rma, drain):
    send_order(builders.order())
    for number in (1, 2):
        units = [builders.unit()]
        send_rma(builders.rma(f"RMA-{number}", units=units, tracking="TRANSIT"))
        drain()
    first, second = RefundUnit.objects.order_by("pk")
    assert broken_without_waiting(store) == []
    RefundUnit.objects.filter(pk=first.pk).update(rma_unit=second.rma_unit_id, is_live=False)
    names = [row.line.refund.identifier for row in (first, second)]
    text = (
        f"line 1, unit 1 of RMA RMA-2 is in refunds {names[0]} and {names[1]} at once, with "
        "$130.56 and $130.56"
    )
    assert broken(store) == [("unit_twice", text)]


@pytest.mark.parametrize("status", ["declined", "canceled"])
def test_live_units_in_a_refund_that_ended(status, paid, store):
    Payout.objects.update(status=status)
    Refund.objects.update(status=status)
    text = f"refund {paid.identifier} is {status}, but 4 unit(s) of $522.24 are still held by it"
    assert broken(store) == [("live_units_of_ended_refund", text)]
    RefundUnit.objects.update(is_live=False)
    assert broken_without_waiting(store) == []


def test_a_payment_without_an_attempt(paid, store):
    payout = Payout.objects.get()
    PayoutAttempt.objects.all()._raw_delete(PayoutAttempt.objects.db)
    text = (
        f"$522.24 of refund {paid.identifier}, key {payout.idempotency_key}: it is paid, but no "
        "attempt at it was ever written down"
    )
    assert broken(store) == [("payout_without_attempt", text)]


def test_an_attempt_with_another_key(paid, store):
    payout, other = Payout.objects.get(), uuid.UUID(int=7)
    PayoutAttempt.objects.update(idempotency_key=other)
    text = (
        f"$522.24 of refund {paid.identifier}, key {payout.idempotency_key}: attempt 1 went out "
        f"with another key, {other}"
    )
    assert broken(store) == [("foreign_key", text)]


def test_a_payment_of_another_store(paid, store):
    other = Store.objects.create(name="Outlet", identifier="OUTLET")
    Payout.objects.update(store=other)
    found = [one for one in broken(store) if one[0] == "foreign_store"]
    key = Payout.objects.get().idempotency_key
    text = f"$522.24 of refund {paid.identifier}, key {key}: it stands with the store Outlet"
    assert found == [("foreign_store", text)]


def test_an_exchange_order_whose_kept_status_is_not_its_orders(send_order, store):
    send_order(builders.order())
    variant(store)
    assert post(request()).json()["order_identifier"] == "ORD-1-X"
    order = builders.order("ORD-1-X", status="Shipped")
    send_order(order)
    assert broken(store) == []
    ExchangeOrder.objects.update(own_order_status="Created")
    text = (
        "exchange order ORD-1-X stands as 'Created', its order as 'Shipped'; send its order again"
    )
    assert broken(store) == [("exchange_status_differs", text)]
    send_order(order)
    assert broken(store) == []


def test_lines_that_are_not_the_total(paid, store):
    RefundLine.objects.update(amount_cents=52200)
    text = f"the lines of refund {paid.identifier} add up to $522.00, its total is $522.24"
    assert broken(store) == [("lines_do_not_add_up", text)]
    Refund.objects.update(kind="goodwill")
    assert broken_without_waiting(store) == ["goodwill_above_limit"]


def test_broken_books_open_an_exception_and_stay_wrong(paid, store):
    RefundLine.objects.update(amount_cents=52200)
    assert sweep(store) == (1, 0)
    assert open_kinds() == [("books_broken", f"lines_do_not_add_up: {paid.identifier}")]
    assert broken_without_waiting(store) == ["lines_do_not_add_up"]
    RefundLine.objects.update(amount_cents=52224)
    assert sweep(store) == (0, 1)


# --- Dismissing, sweeping, reading --------------------------------------------------------------


def test_a_dismissed_difference_comes_back_only_with_other_figures(paid, store):
    ana = User.objects.create_user("ana")
    with later(hours=49):
        sweep(store)
        item = Item.objects.get()
        assert dismiss_item(item=item, user_id=ana.pk, note="Optoro is slow")
        assert sweep(store) == (0, 0)
        [difference] = differences(store)
        assert (difference.verdict, difference.note) == ("for_a_person", "Optoro is slow")
        Refund.objects.update(
            total_refund_amount_cents=52225, shopper_amount_cents=52225, source="external"
        )
        assert verdict_of(store, "reported_not_confirmed") == "wrong"
        assert sweep(store) == (1, 0)
        again = Item.objects.get(resolved_at=None)
        assert again.pk != item.pk
        assert again.detail.startswith("$522.25 of refund")


def test_the_figures_of_an_open_exception_are_renewed(paid, store):
    with later(hours=49):
        sweep(store)
        Refund.objects.update(
            total_refund_amount_cents=52225, shopper_amount_cents=52225, source="external"
        )
        assert sweep(store) == (0, 0)
        assert Item.objects.get().detail.startswith("$522.25 of refund")


def test_the_sweep_leaves_the_exceptions_of_others_alone(paid, store, send_rma, drain):
    send_rma(builders.rma(tracking="TRANSIT", status="CANCELED", minute=9))
    drain()
    before = Item.objects.values().get()
    with later(days=9):
        assert sweep(store) == (0, 0)
    assert Item.objects.values().get() == before
    close_items(store_id=store.pk, kind="paid_but_canceled", subject=paid.identifier, resolution="")
    with later(days=9):
        assert sweep(store) == (1, 0)


def test_the_sweep_is_a_task_of_the_schedule(paid, store, settings):
    Store.objects.create(identifier="closed", name="Closed", is_active=False)
    assert settings.CELERY_BEAT_SCHEDULE["reconcile"] == {
        "task": "reconciliation.sweep",
        "schedule": 300.0,
    }
    assert reconcile_task.name == "reconciliation.sweep"
    with later(hours=49):
        assert reconcile_task() == (1, 0)
        assert reconcile_task() == (0, 0)


def test_times_come_from_the_settings(paid, store, settings):
    settings.RECONCILE_CONFIRMED_WITHIN_HOURS = 1
    with later(61):
        assert verdict_of(store, "reported_not_confirmed") == "wrong"


def test_another_store_has_its_own_books(paid, store):
    other = Store.objects.create(identifier="store-two", name="Store Two")
    assert len(differences(store)) == 1
    assert differences(other) == []
    assert sums(other.pk) == []


def test_more_refunds_cost_no_more_queries(store, send_order, send_rma, drain):
    def make(number: int) -> None:
        name = f"ORD-{number}"
        send_order(builders.order(name))
        send_rma(builders.rma(f"RMA-{number}", [builders.unit(name)] * 4, tracking="TRANSIT"))
        drain()

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert differences(store)
        return len(queries)

    make(1)
    one = count()
    for number in (2, 3, 4):
        make(number)
    assert count() == one == QUERIES
    Refund.objects.update(reported_at=None)
    RefundLine.objects.update(amount_cents=1)
    Payout.objects.update(amount_cents=999999)
    PayoutAttempt.objects.update(idempotency_key=uuid.uuid4())
    assert count() <= QUERIES + QUERIES_ABOUT_SUSPICIOUS
    assert len(differences(store)) == 5 * 4


def test_ages_in_words():
    spans = [timedelta(seconds=50), timedelta(minutes=1), timedelta(hours=3), timedelta(hours=49)]
    assert [age_in_words(span) for span in spans] == ["50 seconds", "1 minute", "3 hours", "2 days"]


# --- The command --------------------------------------------------------------------------------


def test_the_command_ends_well_and_changes_nothing(paid, store):
    code, text = run()
    assert code == 0
    assert text.startswith("Store store-one\n  Reported, but not confirmed by Optoro: 1\n")
    assert f"    IN TIME       {paid.identifier}, " in text
    assert "differences: 1 in time, 0 for a person, 0 wrong\n" in text
    assert "      decided                              $522.24        1\n" in text
    assert "    = paid by payouts                      $522.24        1\n" in text
    assert "    = answered by gateways                 $522.24        1\n" in text
    assert "    adds up\n" in text
    with later(hours=49):
        assert run()[0] == 1
        assert not Item.objects.exists()


def test_the_command_ends_with_1_where_something_is_wrong(paid, store):
    with later(hours=49):
        code, text = run()
        assert code == 1
        assert f"    WRONG         {paid.identifier}, 2 days, $522.24\n" in text
        code, text = run("--open-exceptions")
        assert code == 0
        assert "  exceptions: 1 opened, 0 closed\n" in text
        assert f"    FOR A PERSON  {paid.identifier}, 2 days, $522.24\n" in text
        assert "differences: 0 in time, 1 for a person, 0 wrong\n" in text


def test_sums_that_do_not_add_up_are_wrong(paid, store):
    Payout.objects.update(amount_cents=52200)
    code, text = run()
    assert code == 1
    assert "DOES NOT ADD UP" in text
    assert "    WRONG         " in text


def test_the_command_in_json_for_one_store(paid, store):
    Store.objects.create(identifier="store-two", name="Store Two")
    code, text = run("--json", "--store", "store-one")
    assert code == 0
    [report] = json.loads(text)
    assert (report["store"], report["exceptions"]) == ("store-one", None)
    [difference] = report["differences"]
    assert difference["kind"] == DifferenceKind.REPORTED_NOT_CONFIRMED
    assert difference["amount_cents"] == 52224
    assert difference["verdict"] == "in_time"
    assert report["totals"] == {"in_time": 1, "for_a_person": 0, "wrong": 0}
    [row] = report["sums"]
    assert row["decided"] == row["paid"] == row["reported"] == {"count": 1, "amount_cents": 52224}
    assert row["paid_by_payouts"] == row["answered_by_gateways"] == row["paid"]
    assert row["confirmed"] == row["unknown"] == {"count": 0, "amount_cents": 0}
    assert row["adds_up"] is True
    assert len(json.loads(run("--json")[1])) == 2


def test_the_command_names_the_stores_there_are(paid, store):
    with pytest.raises(
        CommandError, match="--store 'x' is no store to reconcile; there are: store-one"
    ):
        run("--store", "x")


def test_what_was_declined_is_explained_in_the_words_of_its_exception(
    store, send_order, send_rma, drain
):
    send_order(builders.order("ORD-DECLINE"))
    send_rma(builders.rma(units=[builders.unit("ORD-DECLINE")] * 4, tracking="TRANSIT"))
    drain()
    name = Refund.objects.get().identifier
    told = [(d.kind.value, d.subject, d.explanation, d.verdict.value) for d in differences(store)]
    assert told == [
        (
            "refund_declined",
            name,
            f"$522.24 of refund {name}: insufficient funds",
            "for_a_person",
        )
    ]
