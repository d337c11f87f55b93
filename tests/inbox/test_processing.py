"""Working off the inbox: failures, retries, crashes, replays."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from apps.attention.models import Item
from apps.common import clock
from apps.inbox import handlers, processing, services
from apps.inbox.models import Delivery
from apps.rmas.models import Rma
from apps.stores.models import Store
from tests.conftest import basic
from tests.support import builders

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def frozen():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def breaks(monkeypatch):
    """Makes processing fail after it has written; call what it returns to mend it."""
    real = handlers.enqueue_evaluation
    error = [RuntimeError("Authorization: Bearer s3cr3t-token \x00 \ud800")]

    def fail(rma):
        assert Rma.objects.filter(pk=rma.pk).exists()
        if error:
            raise error[0]
        real(rma)

    monkeypatch.setattr(handlers, "enqueue_evaluation", fail)
    return error


def shown(api):
    [delivery] = api.get("/api/v1/deliveries").json()["results"]
    return delivery


# --- Failures of ours --------------------------------------------------------------------------


def test_a_failure_rolls_the_work_back_and_keeps_its_traceback(
    frozen, breaks, send_rma, drain, api
):
    send_rma(builders.rma())
    assert drain() == "inbox: 1 processed; outbox: 0 jobs run\n"
    assert Rma.objects.count() == 0
    assert (shown(api)["state"], shown(api)["attempts"]) == ("failed", 1)
    delivery = Delivery.objects.get()
    assert "RuntimeError" in delivery.error
    assert "in take_rma" in delivery.traceback
    assert "s3cr3t" not in delivery.traceback + delivery.error
    assert "\\x00 \\ud800" in delivery.error
    assert delivery.lease_until is None


def test_a_failed_message_is_tried_again_later_and_then_succeeds(
    frozen, breaks, send_rma, drain, api
):
    send_rma(builders.rma())
    drain()
    due_at = Delivery.objects.get().next_attempt_at
    assert timedelta(seconds=2.5) <= due_at - START <= timedelta(seconds=7.5)
    breaks.clear()

    frozen.move_to(due_at - timedelta(milliseconds=1))
    assert drain().startswith("inbox: 0 processed")
    assert shown(api)["state"] == "failed"

    frozen.move_to(due_at)
    assert drain().startswith("inbox: 1 processed")
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.subject) == ("processed", 2, "RMA-1")
    assert (delivery.error, delivery.traceback) == ("", "")
    assert delivery.processed_at == due_at
    assert Rma.objects.count() == 1


def test_the_waits_grow_to_an_hour_and_a_half_at_most(frozen, breaks, send_rma, drain):
    send_rma(builders.rma())
    for failure in range(1, 16):
        drain()
        delivery = Delivery.objects.get()
        assert delivery.attempts == failure
        wait = (delivery.next_attempt_at - clock.now()).total_seconds()
        plain = min(3600, 5 * 2 ** (failure - 1))
        assert 0.5 * plain <= wait <= 1.5 * plain
        frozen.move_to(delivery.next_attempt_at)


def test_a_failing_message_does_not_hold_up_the_others(frozen, send_rma, drain, monkeypatch):
    real = handlers.receive_message

    def fail_for_one(**told):
        if told["snapshot"].rma_identifier == "RMA-2":
            raise RuntimeError("this one fails")
        return real(**told)

    monkeypatch.setattr(handlers, "receive_message", fail_for_one)
    for number in (1, 2, 3):
        send_rma(builders.rma(f"RMA-{number}"))
    drain()
    assert list(Delivery.objects.order_by("pk").values_list("state", flat=True)) == [
        "processed",
        "failed",
        "processed",
    ]


def test_a_database_error_in_the_middle_is_a_failure_that_is_tried_again(
    frozen, send_rma, drain, api
):
    send_rma(builders.rma())

    def fail(execute, sql, params, many, context):
        if "rmas_rmaunit" in sql and sql.startswith("INSERT"):
            return execute("SELECT nonsense FROM nowhere", [], False, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        drain()
    assert shown(api)["state"] == "failed"
    assert Rma.objects.count() == 0
    frozen.shift(10)
    drain()
    assert shown(api)["state"] == "processed"


# --- Crashes -----------------------------------------------------------------------------------


def test_a_message_whose_worker_died_is_picked_up_when_the_lease_has_run_out(
    frozen, send_rma, drain, api
):
    send_rma(builders.rma())
    assert services.claim_next() is not None  # and the worker dies
    assert drain().startswith("inbox: 0 processed")
    frozen.shift(60)
    assert drain().startswith("inbox: 0 processed")
    frozen.shift(1)
    assert drain().startswith("inbox: 1 processed")
    assert (shown(api)["state"], shown(api)["attempts"]) == ("processed", 2)


def test_a_crash_in_the_middle_leaves_nothing_behind_and_is_made_good(
    frozen, breaks, send_rma, drain, api
):
    breaks[0] = SystemExit("kill")
    send_rma(builders.rma())
    with pytest.raises(SystemExit):
        processing.process_next()
    assert Rma.objects.count() == 0
    assert shown(api)["state"] == "received"
    breaks.clear()
    frozen.shift(61)
    drain()
    assert shown(api)["state"] == "processed"
    assert Rma.objects.count() == 1


def test_a_worker_that_lost_its_lease_does_not_overwrite_what_came_after(frozen, send_rma, api):
    send_rma(builders.rma())
    services.claim_next()
    slow = Delivery.objects.get()
    frozen.shift(61)
    assert processing.process_next()
    assert shown(api)["state"] == "processed"
    services.mark_failed(delivery=slow, error=RuntimeError("too late"))
    assert (shown(api)["state"], shown(api)["error"]) == ("processed", "")


def test_the_secrets_of_a_store_that_cannot_be_read_stop_no_message(
    send_rma, drain, api, settings, store
):
    send_rma(builders.rma())
    Store.objects.filter(pk=store.pk).update(webhook_password="kept")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE stores_store SET webhook_password = 'unreadable'")
    assert processing.process_next()
    assert Delivery.objects.get().state == "processed"
    assert send_rma(builders.rma("RMA-2")).status_code == 503
    assert Delivery.objects.count() == 1


# --- Replay ------------------------------------------------------------------------------------


def replay(api):
    return api.post(f"/api/v1/deliveries/{shown(api)['id']}/replay")


def test_a_quarantined_message_is_replayed_once_its_cause_is_gone(
    send_rma, drain, api, monkeypatch
):
    monkeypatch.setattr("apps.optoro.reading.MAX_ELEMENTS", 3)
    send_rma(builders.rma())  # four units
    drain()
    assert "at most 3 fit" in shown(api)["error"]
    assert Item.objects.filter(kind="message_quarantined", resolved_at=None).count() == 1

    assert replay(api).status_code == 202
    drain()
    assert shown(api)["state"] == "quarantined"
    assert Item.objects.filter(kind="message_quarantined", resolved_at=None).count() == 1

    monkeypatch.setattr("apps.optoro.reading.MAX_ELEMENTS", 10)
    answer = replay(api)
    assert (answer.status_code, answer.json()["state"]) == (202, "received")
    drain()
    assert (shown(api)["state"], shown(api)["error"]) == ("processed", "")
    assert not Item.objects.filter(kind="message_quarantined", resolved_at=None).exists()
    assert Rma.objects.count() == 1


def test_a_processed_message_may_be_replayed_and_changes_nothing(send_rma, drain, api):
    send_rma(builders.rma())
    send_rma(builders.rma())
    drain()
    before = api.get("/api/v1/rmas/RMA-1").json()
    assert replay(api).status_code == 202
    assert drain().startswith("inbox: 1 processed")
    assert api.get("/api/v1/rmas/RMA-1").json() == before
    assert Rma.objects.get().messages.count() == 1
    assert (shown(api)["state"], shown(api)["copies"]) == ("processed", 2)


def test_a_failed_message_is_replayed_at_once(frozen, breaks, send_rma, drain, api):
    send_rma(builders.rma())
    drain()
    breaks.clear()
    assert drain().startswith("inbox: 0 processed")
    replay(api)
    drain()
    assert (shown(api)["state"], shown(api)["attempts"]) == ("processed", 1)


def test_a_replay_while_it_is_being_processed_is_not_forgotten(send_rma, api):
    send_rma(builders.rma())
    services.claim_next()
    in_work = Delivery.objects.get()
    replay(api)
    processing.process(in_work)
    assert shown(api)["state"] == "received"
    assert processing.process_next()
    assert shown(api)["state"] == "processed"


def test_a_message_for_an_unknown_tenant_waits_for_its_store_and_moves_there(
    send_rma, drain, api, store
):
    send_rma(builders.rma(), **{"X-Optiturn-Id": "store-two"})
    answer = replay(api)
    assert answer.json()["state"] == "quarantined"
    drain()
    assert Rma.objects.count() == 0

    stranger = Store.objects.create(identifier="store-two", name="Two", webhook_api_key="theirs")
    assert replay(api).json()["state"] == "quarantined"
    drain()
    assert Rma.objects.count() == 0

    stranger.webhook_api_key = "webhook-key"
    stranger.save()
    assert replay(api).json()["state"] == "received"
    drain()
    assert Rma.objects.get().store == stranger
    assert api.get("/api/v1/rmas").json()["results"] == []
    assert not Item.objects.filter(resolved_at=None, kind="message_quarantined").exists()


def test_a_message_that_came_again_for_its_new_store_is_not_kept_twice(send_rma, drain, api, store):
    send_rma(builders.rma(), **{"X-Optiturn-Id": "twin"})
    kept = Delivery.objects.get()
    twin = Store.objects.create(identifier="twin", name="Twin", webhook_api_key="webhook-key")
    send_rma(builders.rma(), **{"X-Optiturn-Id": "twin", "X-API-Key": "webhook-key"})
    assert Delivery.objects.count() == 2
    drain()
    assert Rma.objects.get().store == twin

    answer = api.post(f"/api/v1/deliveries/{kept.pk}/replay")
    assert (answer.status_code, answer.json()["state"]) == (202, "processed")
    assert "came again for store twin" in answer.json()["error"]
    assert not Item.objects.filter(resolved_at=None, kind="message_quarantined").exists()
    assert drain().startswith("inbox: 0 processed")


def test_a_message_for_one_of_several_stores_is_not_guessed_into_one(send_rma, drain, store):
    stores = [
        Store.objects.create(identifier=name, name=name, webhook_api_key="shared")
        for name in ("a", "b")
    ]
    headers = {"Authorization": "", "X-API-Key": "shared"}
    send_rma(builders.rma(), **headers)
    services.replay(delivery=Delivery.objects.get())
    drain()
    assert Rma.objects.count() == 0
    stores[1].is_active = False
    stores[1].save()
    services.replay(delivery=Delivery.objects.get())
    drain()
    assert Rma.objects.get().store == stores[0]


def test_renaming_a_store_does_not_make_its_old_messages_strange(send_rma, drain, api, store):
    send_rma(builders.rma(), **{"X-Optiturn-Id": "store-one"})
    drain()
    Store.objects.update(identifier="renamed")
    assert replay(api).json()["error"] == ""
    drain()
    assert shown(api)["state"] == "processed"


# --- Orders that come late ---------------------------------------------------------------------


@pytest.mark.parametrize("named", ["ORD-1", "WEB-77"])
def test_an_order_that_comes_after_its_rma_is_linked(named, send_rma, send_order, drain, api):
    send_rma(builders.rma(units=[builders.unit(named)] * 4, tracking="TRANSIT"))
    drain()
    assert api.get("/api/v1/refunds").json()["results"] == []
    send_order(builders.order(secondary_identifier="WEB-77"))
    drain()
    order = api.get("/api/v1/orders/ORD-1").json()
    assert [rma["rma_identifier"] for rma in order["rmas"]] == ["RMA-1"]
    assert [r["total_refund_amount_cents"] for r in order["refunds"]] == [52224]


def test_a_line_that_comes_after_its_rma_is_linked(send_rma, send_order, drain, api):
    send_order(builders.order())
    send_rma(
        builders.rma(units=[builders.unit(line_identifier="2", cents=10000)], tracking="TRANSIT")
    )
    drain()
    assert api.get("/api/v1/refunds").json()["results"] == []
    second = builders.line("2", quantity=1, unit_price_amount_cents=10000, tax_amount_cents=0)
    lines = [builders.line(), second]
    send_order(builders.order(lines=lines, updated_at="2026-01-24T00:00:00Z"))
    drain()
    [refund] = api.get("/api/v1/refunds").json()["results"]
    assert refund["total_refund_amount_cents"] == 10000


def test_an_order_is_found_by_the_units_secondary_identifier_whichever_came_first(
    send_rma, send_order, drain, api
):
    unit = builders.unit("UNKNOWN", secondary_identifier="WEB-77")
    send_rma(builders.rma(units=[unit] * 4, tracking="TRANSIT"))
    drain()
    send_order(builders.order("WEB-77"))
    drain()
    assert [
        r["total_refund_amount_cents"] for r in api.get("/api/v1/refunds").json()["results"]
    ] == [52224]


def test_an_order_of_another_store_is_never_linked(send_rma, send_order, drain, store):
    other = Store.objects.create(identifier="two", name="Two", webhook_api_key="two")
    send_order(builders.order())
    send_rma(
        builders.rma(tracking="TRANSIT"), Authorization=basic("x", "x"), **{"X-API-Key": "two"}
    )
    drain()
    rma = Rma.objects.get()
    assert rma.store == other
    assert rma.units.filter(order__isnull=True).count() == 4


def test_drain_prints_what_it_did_and_leaves_nothing_due(send_rma, send_order, drain, optoro):
    assert drain() == "inbox: 0 processed; outbox: 0 jobs run\n"
    send_order(builders.order())
    send_rma(builders.rma())
    assert drain().startswith("inbox: 1 processed; outbox: ")
    assert drain() == "inbox: 0 processed; outbox: 0 jobs run\n"
