"""Storing what comes, and handing it to the domain."""

import traceback
from collections.abc import Mapping
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.common import clock
from apps.common.errors import InvalidMessage
from apps.common.hashing import sha256_of_bytes
from apps.common.nudge import nudge_after_commit
from apps.common.redaction import hide_secrets, kept_headers
from apps.inbox import translate
from apps.inbox.models import Delivery, DeliveryState
from apps.inbox.types import ClaimedDelivery
from apps.optoro import order_message
from apps.orders import rules as order_rules
from apps.orders.models import Order
from apps.orders.services import mirror_order
from apps.orders.types import MirrorResult
from apps.outbox import topics
from apps.outbox.rules import retry_delay
from apps.outbox.services import enqueue
from apps.refunds.services import take_over_reported_refunds
from apps.stores.models import Store
from apps.stores.queries import shares_webhook_credentials

LEASE = timedelta(seconds=60)
RETRY_BASE_SECONDS = 5.0


def store_delivery(
    *,
    store: Store,
    topic: str,
    body: bytes,
    headers: Mapping[str, str],
    remote_address: str,
    unknown_tenant: str = "",
) -> Delivery:
    """Stores a message, or counts it where the same body is there already; it is committed when
    this returns.

    `unknown_tenant` is the X-Optiturn-Id that names no store of the caller's: such a message is
    kept in quarantine.
    """
    now = clock.now()
    delivery = Delivery(
        store=store,
        topic=topic,
        optiturn_id=headers.get("X-Optiturn-Id", "")[:200],
        api_version=headers.get("X-Optiturn-Api-Version", "")[:20],
        headers=kept_headers(headers),
        body=body,
        body_sha256=sha256_of_bytes(body),
        remote_address=remote_address,
        last_received_at=now,
        next_attempt_at=now,
    )
    if unknown_tenant:
        delivery.state = DeliveryState.QUARANTINED
        delivery.error = _unknown_tenant_error(unknown_tenant)
    try:
        with transaction.atomic():
            delivery.save()
            if unknown_tenant:
                _show_quarantined(delivery)
    except IntegrityError:
        return _count_copy(delivery)
    nudge_processing()
    return delivery


def _unknown_tenant_error(unknown_tenant: str) -> str:
    return (
        f"X-Optiturn-Id {unknown_tenant!r} names no store that these credentials serve; add the "
        "store or mend its credentials, then replay"
    )


def _count_copy(delivery: Delivery) -> Delivery:
    same = Delivery.objects.filter(
        store_id=delivery.store_id,
        topic=delivery.topic,
        optiturn_id=delivery.optiturn_id,
        body_sha256=delivery.body_sha256,
    )
    same.update(copies=F("copies") + 1, last_received_at=delivery.last_received_at)
    return same.get()


def nudge_processing() -> None:
    """Asks a worker to look at the inbox once this work is committed."""
    from apps.inbox.tasks import process_due

    nudge_after_commit(process_due)


def claim_next() -> ClaimedDelivery | None:
    """Claims the delivery that is due longest; None when nothing is due."""
    due = _due()
    for pk in due.order_by("next_attempt_at", "id").values_list("pk", flat=True)[:20]:
        lease_until = clock.now() + LEASE
        if _due().filter(pk=pk).update(lease_until=lease_until, attempts=F("attempts") + 1):
            return ClaimedDelivery(pk, lease_until)
    return None


def _due() -> QuerySet[Delivery]:
    now = clock.now()
    return Delivery.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=now),
        state__in=(DeliveryState.RECEIVED, DeliveryState.FAILED),
        next_attempt_at__lte=now,
    )


def mark_processed(*, delivery: Delivery, subject: str) -> None:
    """Notes success; call it in the transaction of the work."""
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.PROCESSED,
        subject=subject,
        processed_at=clock.now(),
        next_attempt_at=None,
        lease_until=None,
        error="",
        traceback="",
    )
    close_items(
        store_id=delivery.store_id,
        kind=Kind.MESSAGE_QUARANTINED,
        subject=str(delivery.pk),
        resolution="the message was processed",
    )


@transaction.atomic
def quarantine(*, delivery: Delivery, subject: str, error: InvalidMessage) -> None:
    """Sets a message aside that cannot be used, where a person sees it and can replay it."""
    delivery.state = DeliveryState.QUARANTINED
    delivery.subject = subject
    delivery.error = str(error)
    delivery.next_attempt_at = None
    delivery.lease_until = None
    delivery.save(update_fields=["state", "subject", "error", "next_attempt_at", "lease_until"])
    _show_quarantined(delivery)


def _show_quarantined(delivery: Delivery) -> None:
    open_item(
        store_id=delivery.store_id,
        kind=Kind.MESSAGE_QUARANTINED,
        subject=str(delivery.pk),
        rma_identifier=delivery.subject,
        detail=delivery.error,
    )


def mark_failed(*, delivery: Delivery, error: Exception) -> None:
    """Notes a failure of ours: its work was rolled back, its traceback stays, it is tried again."""
    delay = retry_delay(delivery.attempts, RETRY_BASE_SECONDS)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.FAILED,
        error=hide_secrets(f"{type(error).__name__}: {error}"),
        traceback=hide_secrets("".join(traceback.format_exception(error, limit=20))),
        next_attempt_at=clock.in_seconds(delay),
        lease_until=None,
    )


@transaction.atomic
def replay(*, delivery: Delivery) -> Delivery:
    """Queues a message again, whatever became of it before; processing twice does no harm.

    One that named an unknown tenant goes to the store of that name if there is one now and it has
    the same webhook credentials; otherwise it stays where it is.
    """
    delivery = Delivery.objects.select_for_update().select_related("store").get(pk=delivery.pk)
    if delivery.optiturn_id and delivery.optiturn_id != delivery.store.identifier:
        target = Store.objects.filter(identifier=delivery.optiturn_id, is_active=True).first()
        if target is None or not shares_webhook_credentials(target, delivery.store):
            delivery.error = _unknown_tenant_error(delivery.optiturn_id)
            delivery.save(update_fields=["error"])
            return delivery
        close_items(
            store_id=delivery.store_id,
            kind=Kind.MESSAGE_QUARANTINED,
            subject=str(delivery.pk),
            resolution=f"moved to store {target.identifier}",
        )
        delivery.store = target
    delivery.state = DeliveryState.RECEIVED
    delivery.attempts = 0
    delivery.next_attempt_at = clock.now()
    delivery.lease_until = None
    delivery.save()
    nudge_processing()
    return delivery


@transaction.atomic
def take_order(*, store: Store, wire: order_message.WireOrder) -> MirrorResult:
    """Takes in one order snapshot: mirrors it, keeps refunds made outside, and queues what follows
    (looking at its RMAs again, and its snapshot for Optoro)."""
    snapshot = translate.order_snapshot(wire)
    result = mirror_order(store_id=store.pk, snapshot=snapshot)
    if result.outcome in ("unchanged", "stale"):
        return result
    order = Order.objects.get(pk=result.order_id)
    take_over_reported_refunds(order=order, reported=snapshot.refunds)
    enqueue(store_id=store.pk, topic=topics.LINK_ORDER, key=order.pk, label=order.identifier)
    if order_rules.is_publishable(
        status=order.status,
        quantities_shipped=[line.quantity_shipped for line in snapshot.lines],
        was_published=order.published_at is not None,
    ):
        enqueue(
            store_id=store.pk, topic=topics.ORDER_SNAPSHOT, key=order.pk, label=order.identifier
        )
    return result
