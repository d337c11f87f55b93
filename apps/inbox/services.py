"""Storing what comes, and handing it to the domain."""

import traceback
from collections.abc import Mapping
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.catalog.services import take_variants_of_order
from apps.common import clock
from apps.common.errors import InvalidMessage, Refused
from apps.common.fault_points import reach
from apps.common.hashing import sha256_of_bytes
from apps.common.nudge import nudge_after_commit
from apps.common.redaction import hide_secrets, kept_headers, storable
from apps.exchanges.books import book_own_order
from apps.exchanges.own_status import keep_own_status
from apps.inbox import translate
from apps.inbox.models import Delivery, DeliveryState
from apps.inbox.rules import ANSWERED_TOPICS, why_not_replayable
from apps.inbox.types import ClaimedDelivery
from apps.optoro import order_message
from apps.orders import rules as order_rules
from apps.orders.models import Order
from apps.orders.services import mirror_order
from apps.orders.types import MirrorResult, OrderSnapshot
from apps.outbox import topics
from apps.outbox.rules import retry_delay
from apps.outbox.services import enqueue
from apps.refunds.reported import take_over_reported_refunds
from apps.stores.models import Store
from apps.stores.queries import store_meant, stores_served_like

# The name of the task in tasks.py that works off what is due.
PROCESS_DUE = "inbox.process_due"
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
    delivery = new_delivery(
        store=store, topic=topic, body=body, headers=headers, remote_address=remote_address
    )
    delivery.next_attempt_at = delivery.last_received_at
    if unknown_tenant:
        delivery.state = DeliveryState.QUARANTINED
        delivery.error = unknown_tenant_error(unknown_tenant)
    try:
        with transaction.atomic():
            delivery.save()
            if unknown_tenant:
                _show_quarantined(delivery)
    except IntegrityError:
        return _count_copy(delivery)
    reach("delivery.stored")
    nudge_processing()
    return delivery


def new_delivery(
    *, store: Store, topic: str, body: bytes, headers: Mapping[str, str], remote_address: str
) -> Delivery:
    """Returns the row of a message, not saved yet and not due."""
    return Delivery(
        store=store,
        topic=topic,
        optiturn_id=headers.get("X-Optiturn-Id", "")[:200],
        api_version=headers.get("X-Optiturn-Api-Version", "")[:20],
        headers=kept_headers(headers),
        body=body,
        body_sha256=sha256_of_bytes(body),
        remote_address=remote_address,
        last_received_at=clock.now(),
    )


def unknown_tenant_error(unknown_tenant: str, *, then: str = "replay") -> str:
    """Returns what is wrong with a message for no store of its sender's, and the remedy."""
    return (
        f"X-Optiturn-Id {unknown_tenant!r} names no store that these credentials serve; add the "
        f"store or mend its credentials, then {then}"
    )


def _count_copy(delivery: Delivery) -> Delivery:
    same = same_message(delivery, delivery.store_id)
    same.update(copies=F("copies") + 1, last_received_at=delivery.last_received_at)
    return same.get()


def same_message(delivery: Delivery, store_id: int) -> QuerySet[Delivery]:
    """Returns the row that a store keeps of the same message, if there is one."""
    return Delivery.objects.filter(
        store_id=store_id,
        topic=delivery.topic,
        optiturn_id=delivery.optiturn_id,
        body_sha256=delivery.body_sha256,
    )


def nudge_processing() -> None:
    """Asks a worker to look at the inbox once this work is committed."""
    nudge_after_commit(PROCESS_DUE)


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
    ).exclude(topic__in=ANSWERED_TOPICS)


def _held(delivery: Delivery) -> QuerySet[Delivery]:
    """The delivery's row, as long as nobody else has claimed or replayed it meanwhile."""
    return Delivery.objects.filter(pk=delivery.pk, lease_until=delivery.lease_until)


def mark_processed(*, delivery: Delivery, subject: str) -> None:
    """Notes success; call it in the transaction of the work."""
    _held(delivery).update(
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
    delivery.subject = storable(subject)[:255]
    delivery.error = storable(str(error))
    is_held = _held(delivery).update(
        state=DeliveryState.QUARANTINED,
        subject=delivery.subject,
        error=delivery.error,
        traceback="",
        next_attempt_at=None,
        lease_until=None,
    )
    if is_held:
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
    trace = "".join(traceback.format_exception(error, limit=20))
    _held(delivery).update(
        state=DeliveryState.FAILED,
        error=storable(hide_secrets(f"{type(error).__name__}: {error}")),
        traceback=storable(hide_secrets(trace)),
        next_attempt_at=clock.in_seconds(delay),
        lease_until=None,
    )


@transaction.atomic
def replay(*, delivery: Delivery) -> Delivery:
    """Queues a message again, whatever became of it before; processing twice does no harm.

    One that came for no store goes to the store it means if there is one now that the same
    credentials serve; otherwise it stays where it is. Raises Refused for a message whose sender
    has had its answer.
    """
    delivery = Delivery.objects.select_for_update().select_related("store").get(pk=delivery.pk)
    if refusal := why_not_replayable(delivery):
        raise Refused(refusal)
    if _came_for_no_store(delivery) and not _find_home(delivery):
        return delivery
    delivery.state = DeliveryState.RECEIVED
    delivery.attempts = 0
    delivery.next_attempt_at = clock.now()
    delivery.lease_until = None
    delivery.save()
    nudge_processing()
    return delivery


def _came_for_no_store(delivery: Delivery) -> bool:
    """Only what was stored in quarantine was set aside without an attempt."""
    return delivery.state == DeliveryState.QUARANTINED and delivery.attempts == 0


def _find_home(delivery: Delivery) -> bool:
    """Moves a message to the store it means; returns False where there is nothing to process."""
    keeper = delivery.store
    home = store_meant(stores_served_like(keeper), delivery.optiturn_id)
    if home is None:
        delivery.error = unknown_tenant_error(delivery.optiturn_id or "(none)")
        delivery.save(update_fields=["error"])
        return False
    if home == keeper:
        return True
    close_items(
        store_id=keeper.pk,
        kind=Kind.MESSAGE_QUARANTINED,
        subject=str(delivery.pk),
        resolution=f"moved to store {home.identifier}",
    )
    twin = same_message(delivery, home.pk).first()
    if twin is None:
        delivery.store = home
        return True
    delivery.state = DeliveryState.PROCESSED
    delivery.error = f"The same message came again for store {home.identifier}: message {twin.pk}."
    delivery.save(update_fields=["state", "error"])
    return False


@transaction.atomic
def take_order(*, store: Store, wire: order_message.WireOrder) -> MirrorResult:
    """Takes in one order snapshot: mirrors it, keeps refunds made outside, and queues what follows
    (looking at its RMAs again, and its snapshot for Optoro)."""
    snapshot = translate.order_snapshot(wire)
    result = mirror_order(store_id=store.pk, snapshot=snapshot)
    order = Order.objects.get(pk=result.order_id)
    if result.outcome not in ("unchanged", "stale"):
        take_variants_of_order(
            store_id=store.pk, told=translate.variants_told(wire), updated_at=snapshot.updated_at
        )
        take_over_reported_refunds(order=order, reported=snapshot.refunds)
        book_own_order(order)
        _queue_what_follows(order, snapshot)
    # Last: whoever waits for the exchange order's lock then holds all others that they need.
    keep_own_status(order, former_secondary_identifier=result.former_secondary_identifier)
    return result


def _queue_what_follows(order: Order, snapshot: OrderSnapshot) -> None:
    enqueue(store_id=order.store_id, topic=topics.LINK_ORDER, key=order.pk, label=order.identifier)
    if order_rules.is_publishable(
        status=order.status,
        quantities_shipped=[line.quantity_shipped for line in snapshot.lines],
        was_published=order.published_at is not None,
    ):
        enqueue(
            store_id=order.store_id,
            topic=topics.ORDER_SNAPSHOT,
            key=order.pk,
            label=order.identifier,
        )
