"""Sending snapshots: held, retried, repeated after a crash, never reported twice."""

from datetime import UTC, datetime

import httpx
import pytest
import time_machine

from apps.attention.models import Item
from apps.common.http import Response
from apps.orders.models import Order
from apps.outbox.models import Attempt, Job
from apps.publisher import services
from apps.refunds.models import Refund
from apps.timeline.models import Event
from tests.support import builders

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ERRORS = [{"field": "orders[0].items[0].sku", "code": "invalid"}]


@pytest.fixture
def frozen():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def owed(frozen, send_order, send_rma, drain, optoro):
    """An order that Optoro knows, with a refund that is paid but could not be reported."""
    send_order(builders.order())
    drain()
    optoro.answer = lambda order: Response(503)
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    return Refund.objects.get()


def snapshot_jobs(**chosen):
    return Job.objects.filter(topic="order.snapshot", **chosen).order_by("pk")


def accepts(order):
    return Response(202, json={"message": "Accepted"})


def sent_bodies(optoro):
    return [r.content for r in optoro.requests if r.url.path == "/returns_portal_orders"]


# --- When --------------------------------------------------------------------------------------


def test_nothing_is_sent_before_the_first_shipment(send_order, drain, optoro):
    waiting = [builders.line(quantity_shipped=0)]
    send_order(builders.order(status="Created", lines=waiting))
    drain()
    assert optoro.requests == []
    assert Order.objects.get().published_at is None
    send_order(builders.order(updated_at="2026-01-24T00:00:00Z"))
    drain()
    assert len(optoro.snapshots) == 1
    assert Order.objects.get().published_at is not None


def test_unchanged_and_stale_snapshots_send_nothing(send_order, drain, optoro):
    send_order(builders.order())
    drain()
    send_order(builders.order())
    send_order(builders.order(updated_at="2026-01-01T00:00:00Z", note="old"))
    drain()
    assert len(optoro.snapshots) == 1


def test_many_changes_that_wait_together_are_one_snapshot_with_the_newest(
    send_order, drain, optoro
):
    for minute in range(5):
        send_order(builders.order(updated_at=f"2026-02-01T00:0{minute}:00Z", note=str(minute)))
    drain()
    assert [s["note"] for s in optoro.snapshots] == ["4"]


def test_a_change_while_a_snapshot_is_under_way_is_sent_after_it(send_order, drain, optoro):
    def meanwhile(order):
        if len(optoro.snapshots) == 0:
            send_order(builders.order(updated_at="2026-02-01T00:00:00Z", note="newer"))
        return accepts(order)

    optoro.answer = meanwhile
    send_order(builders.order(note="older"))
    drain()
    assert [s["note"] for s in optoro.snapshots] == ["older", "newer"]


# --- Refused -----------------------------------------------------------------------------------


@pytest.fixture
def refused(send_order, drain, optoro):
    optoro.answer = lambda order: Response(422, json={"message": "no", "errors": ERRORS})
    send_order(builders.order())
    drain()


def test_422_is_held_and_shown_with_its_field_errors(refused, optoro, drain):
    job = snapshot_jobs().get()
    assert (job.state, job.error_details) == ("held", ERRORS)
    assert job.error == "Optoro answered 422: orders[0].items[0].sku: invalid"
    assert job.attempts.get().status_code == 422
    item = Item.objects.get(kind="snapshot_held", resolved_at=None)
    assert (item.subject, item.order_identifier) == ("ORD-1", "ORD-1")
    assert item.detail == "Optoro answered 422.\norders[0].items[0].sku: invalid"
    assert Order.objects.get().published_at is None
    assert len(sent_bodies(optoro)) == 1
    drain()
    assert len(sent_bodies(optoro)) == 1


def test_a_corrected_order_clears_it(refused, optoro, send_order, drain):
    optoro.answer = accepts
    send_order(
        builders.order(updated_at="2026-02-01T00:00:00Z", lines=[builders.line(sku="right")])
    )
    drain()
    assert optoro.last()["items"][0]["sku"] == "right"
    assert [job.state for job in snapshot_jobs()] == ["done", "done"]
    assert Item.objects.get(kind="snapshot_held").resolution == "Optoro accepted a newer snapshot"


def test_a_correction_that_is_refused_too_stays_shown_with_the_new_errors(
    refused, optoro, send_order, drain
):
    optoro.answer = lambda order: Response(400, text="<html>\x00 bad")
    send_order(builders.order(updated_at="2026-02-01T00:00:00Z"))
    drain()
    assert [job.state for job in snapshot_jobs()] == ["held", "held"]
    item = Item.objects.get(kind="snapshot_held", resolved_at=None)
    assert item.detail == "Optoro answered 400.\n<html>\\x00 bad"


def test_one_order_that_is_refused_does_not_hold_up_another(refused, optoro, send_order, drain):
    optoro.answer = accepts
    send_order(builders.order("ORD-2"))
    drain()
    assert [s["identifier"] for s in optoro.snapshots] == ["ORD-2"]


# --- Busy or broken ----------------------------------------------------------------------------


def raise_(error):
    raise error


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda: Response(429), 429),
        (lambda: Response(500), 500),
        (lambda: Response(504), 504),
        (lambda: raise_(httpx.ReadTimeout("slow")), None),
        (lambda: raise_(httpx.ConnectError("down")), None),
    ],
)
def test_a_busy_or_silent_optoro_gets_it_later(frozen, send_order, drain, optoro, make, status):
    optoro.answer = lambda order: make()
    send_order(builders.order())
    drain()
    job = snapshot_jobs().get()
    assert (job.state, job.failures) == ("waiting", 1)
    assert job.attempts.get().status_code == status
    assert not Item.objects.filter(kind="snapshot_held").exists()
    optoro.answer = accepts
    drain()
    assert optoro.snapshots == []
    frozen.move_to(job.not_before)
    drain()
    assert len(optoro.snapshots) == 1
    assert snapshot_jobs().get().state == "done"


def test_a_refund_is_marked_reported_only_once_it_is_accepted(owed, frozen, optoro, drain, api):
    assert (owed.status, owed.reported_at) == ("paid", None)
    assert snapshot_jobs(state="waiting").get().failures == 1
    optoro.answer = accepts
    frozen.shift(3600)
    drain()
    owed.refresh_from_db()
    assert owed.reported_at == START.replace(hour=13)
    assert optoro.last()["refunds"][0]["identifier"] == owed.identifier
    assert Event.objects.filter(kind="refund.reported").count() == 1


def test_a_refused_snapshot_reports_no_refund(owed, frozen, optoro, drain):
    optoro.answer = lambda order: Response(422, json={"errors": ERRORS})
    frozen.shift(3600)
    drain()
    owed.refresh_from_db()
    assert owed.reported_at is None
    assert snapshot_jobs(state="held").count() == 1


def test_a_crash_between_acceptance_and_its_note_sends_the_same_again_and_notes_it_once(
    owed, frozen, optoro, drain, monkeypatch
):
    optoro.answer = accepts
    real = services.clear_held

    def crash(**told):
        monkeypatch.setattr(services, "clear_held", real)
        raise SystemExit

    monkeypatch.setattr(services, "clear_held", crash)
    frozen.shift(3600)
    with pytest.raises(SystemExit):
        drain()
    owed.refresh_from_db()
    assert owed.reported_at is None  # Optoro has it, the desk does not know
    assert len(optoro.snapshots) == 2

    frozen.shift(3600)
    drain()
    frozen.shift(3600)
    drain()
    assert len(optoro.snapshots) == 3
    assert sent_bodies(optoro)[-1] == sent_bodies(optoro)[-2]
    owed.refresh_from_db()
    assert owed.reported_at is not None
    assert Event.objects.filter(kind="refund.reported").count() == 1
    assert Attempt.objects.filter(job__topic="order.snapshot", outcome="lease_expired").count() == 1


def test_a_refund_keeps_the_time_it_was_first_reported(owed, frozen, optoro, send_order, drain):
    optoro.answer = accepts
    frozen.shift(3600)
    drain()
    owed.refresh_from_db()
    before = owed.reported_at
    assert before is not None
    frozen.shift(3600)
    send_order(builders.order(updated_at="2026-04-01T00:00:00Z"))
    drain()
    assert len(optoro.last()["refunds"]) == 1
    owed.refresh_from_db()
    assert owed.reported_at == before


def test_a_store_without_optoros_addresses_keeps_its_snapshots_waiting(
    frozen, settings, send_order, drain, optoro
):
    configured = settings.DEFAULT_STORE
    settings.DEFAULT_STORE = {**configured, "optoro_orders_url": ""}
    send_order(builders.order())
    drain()
    job = snapshot_jobs().get()
    assert job.state == "waiting"
    assert "OPTORO_ORDERS_URL" in job.error
    settings.DEFAULT_STORE = configured
    frozen.shift(3600)
    drain()
    assert len(optoro.snapshots) == 1


def test_what_was_sent_and_answered_is_kept_without_the_token(send_order, drain, optoro):
    optoro.answer = lambda order: Response(202, json={"access_token": "s3cr3t"})
    send_order(builders.order())
    drain()
    attempt = Attempt.objects.get(job__topic="order.snapshot")
    assert attempt.request_body.encode() == sent_bodies(optoro)[0]
    assert attempt.response_body == '{"access_token":"[hidden]"}'
    assert "token-1" not in attempt.request_body + attempt.response_body + attempt.error


def test_a_worker_that_was_held_up_does_not_send_what_it_has_built(
    frozen, send_order, drain, optoro, monkeypatch
):
    """Its lease is nearly over: another worker may be about to send a newer snapshot."""
    build = services.build_snapshot

    def held_up(order):
        snapshot = build(order)
        frozen.shift(60)
        return snapshot

    send_order(builders.order())
    with monkeypatch.context() as slow:
        slow.setattr(services, "build_snapshot", held_up)
        drain()
    assert sent_bodies(optoro) == []
    assert snapshot_jobs().get().state == "waiting"
    frozen.shift(60)
    drain()
    assert len(sent_bodies(optoro)) == 1
