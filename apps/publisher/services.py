"""Sending order snapshots to Optoro, and noting what it was told."""

import json
from datetime import timedelta

from django.db import transaction

from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.common import clock
from apps.common.fault_points import reach
from apps.optoro.client import Answer, OptoroClient, Verdict
from apps.orders.models import Order
from apps.outbox import topics
from apps.outbox.services import clear_held, enqueue
from apps.outbox.types import ClaimedJob, Result, done, hold, retry
from apps.publisher.snapshots import Snapshot, build_snapshot
from apps.refunds.models import Refund
from apps.stores.queries import connection_of
from apps.timeline import services as timeline
from apps.timeline.types import OPTORO, SYSTEM, MessageRef

# Two tries with the token's minting between them, each within the HTTP time-outs.
TIME_TO_SEND = timedelta(seconds=75)


def send_snapshot(job: ClaimedJob) -> Result:
    """Does one `order.snapshot` job: builds the newest snapshot, sends it, notes the answer.

    At most one job per order flies at a time, and the snapshot is built here, so an older one
    never follows a newer one.
    """
    order = Order.objects.select_related("store").get(pk=int(job.key))
    snapshot = build_snapshot(order)
    body = json.dumps(snapshot.content, ensure_ascii=False)
    if job.lease_until - clock.now() < TIME_TO_SEND:
        # This worker was held up: another may be about to send a newer snapshot.
        return retry("the lease was nearly over before the snapshot could be sent")
    reach("snapshot.built")
    answer = OptoroClient(connection_of(order.store)).send_order(body)
    reach("snapshot.sent")
    evidence = {
        "status_code": answer.status_code,
        "request_body": body,
        "response_body": answer.body,
    }
    if answer.verdict == Verdict.ACCEPTED:
        _note_accepted(order, snapshot, job.attempt_id)
        reach("snapshot.noted")
        return done(**evidence)
    if answer.verdict == Verdict.RETRY:
        return retry(answer.reason, **evidence)
    _show_rejected(order, answer, job.attempt_id)
    return hold(answer.reason, details=answer.errors, **evidence)


@transaction.atomic
def _note_accepted(order: Order, snapshot: Snapshot, attempt_id: int) -> None:
    now = clock.now()
    Order.objects.filter(pk=order.pk).update(published_at=now)
    newly_reported = list(Refund.objects.filter(pk__in=snapshot.refund_ids, reported_at=None))
    Refund.objects.filter(pk__in=[refund.pk for refund in newly_reported]).update(reported_at=now)
    for refund in sorted(newly_reported, key=lambda refund: refund.rma_id or 0):
        _tell(order, attempt_id, refund)
        if refund.rma_id:
            # Optoro's echo may have come before its answer was written down here.
            enqueue(
                store_id=order.store_id,
                topic=topics.EVALUATE_RMA,
                key=refund.rma_id,
                label=refund.rma_identifier,
            )
    if not newly_reported:
        _tell(order, attempt_id, None)
    clear_held(topic=topics.ORDER_SNAPSHOT, key=order.pk)
    close_items(
        store_id=order.store_id,
        kind=Kind.SNAPSHOT_HELD,
        subject=order.identifier,
        resolution="Optoro accepted a newer snapshot",
    )


def _tell(order: Order, attempt_id: int, refund: Refund | None) -> None:
    told = f"Optoro was told of refund {refund.identifier}" if refund else "Snapshot sent to Optoro"
    timeline.record(
        store_id=order.store_id,
        kind="refund.reported" if refund else "order.published",
        summary=told,
        actor=SYSTEM,
        order_identifier=order.identifier,
        rma_identifier=refund.rma_identifier if refund else "",
        refund_identifier=refund.identifier if refund else "",
        message=MessageRef("attempt", attempt_id),
    )


@transaction.atomic
def _show_rejected(order: Order, answer: Answer, attempt_id: int) -> None:
    timeline.record(
        store_id=order.store_id,
        kind="order.refused",
        summary=f"Optoro refused the snapshot: {answer.reason}",
        actor=OPTORO,
        order_identifier=order.identifier,
        message=MessageRef("attempt", attempt_id),
    )
    fields = "\n".join(f"{error['field']}: {error['code']}" for error in answer.errors)
    open_item(
        store_id=order.store_id,
        kind=Kind.SNAPSHOT_HELD,
        subject=order.identifier,
        order_identifier=order.identifier,
        detail=f"Optoro answered {answer.status_code}.\n{fields or answer.body[:500]}",
    )
