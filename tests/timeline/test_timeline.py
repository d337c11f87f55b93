"""The timeline: append-only, complete, and told by who did it."""

import pytest

from apps.timeline.models import Event
from apps.timeline.queries import events_about
from apps.timeline.services import record
from apps.timeline.types import SYSTEM
from tests.support import builders

pytestmark = pytest.mark.django_db


def test_events_are_never_changed_or_deleted(store):
    event = record(store_id=store.pk, kind="x", summary="first", actor=SYSTEM)
    event.summary = "rewritten"
    with pytest.raises(TypeError, match="append-only"):
        event.save()
    with pytest.raises(TypeError, match="never deleted"):
        event.delete()
    assert Event.objects.get().summary == "first"


def test_the_whole_loop_is_on_the_timeline(send_order, send_rma, optoro, drain, store):
    send_order(builders.order())
    send_rma(builders.rma())
    drain()
    send_rma(builders.rma(tracking="TRANSIT", minute=2))
    drain()
    send_rma(builders.rma(tracking="TRANSIT", minute=3, status="REFUNDED"))
    drain()
    events = events_about(store_id=store.pk, order_identifiers=["ORD-1"], rma_identifiers=["RMA-1"])
    told = [(event.kind, event.actor_kind) for event in reversed(events)]
    assert told == [
        ("order.created", "oms"),
        ("rma.created", "optoro"),
        ("order.published", "system"),
        ("rma.updated", "optoro"),
        ("refund.proposed", "system"),
        ("refund.approved", "system"),
        ("refund.paying", "system"),
        ("refund.paid", "gateway"),
        ("refund.reported", "system"),
        ("rma.updated", "optoro"),
        ("refund.confirmed", "optoro"),
    ]


def test_a_message_shows_its_differences_and_leads_to_its_raw_body(send_order, send_rma, drain):
    from apps.inbox.models import Delivery

    send_order(builders.order())
    send_rma(builders.rma())
    send_rma(builders.rma(tracking="PRE_TRANSIT", minute=2))
    drain()
    event = Event.objects.filter(kind="rma.updated").get()
    assert event.summary == "RMA package tracking status: PRE_TRANSIT"
    assert {
        "field": "unit 1#1 package_tracking_status",
        "before": "",
        "after": "PRE_TRANSIT",
    } in event.changes
    assert event.message_kind == "delivery"
    assert b"PRE_TRANSIT" in bytes(Delivery.objects.get(pk=event.message_id).body)


def test_another_stores_events_are_not_shown(store):
    from apps.stores.models import Store

    other = Store.objects.create(identifier="other", name="Other")
    record(store_id=other.pk, kind="x", summary="theirs", actor=SYSTEM, order_identifier="ORD-1")
    mine = record(
        store_id=store.pk, kind="x", summary="mine", actor=SYSTEM, order_identifier="ORD-1"
    )
    assert list(events_about(store_id=store.pk, order_identifiers=["ORD-1"])) == [mine]
    assert not events_about(store_id=store.pk, order_identifiers=[""]).exists()
