"""Taking in exchange orders. Unlike the webhooks their sender waits for the answer, so the request
is worked off at once, and kept in the same transaction as what was placed for it (contract §7)."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import F

from apps.attention.models import Kind
from apps.attention.services import open_item
from apps.common import clock
from apps.common.errors import InvalidMessage
from apps.common.redaction import storable
from apps.exchanges import pricing, queries
from apps.exchanges import services as exchanges
from apps.exchanges.models import ExchangeOrder
from apps.exchanges.types import ExchangeRequest, Quote
from apps.inbox import translate
from apps.inbox.models import Delivery, DeliveryState, Topic
from apps.inbox.services import new_delivery, same_message
from apps.optoro import exchange_message
from apps.optoro.reading import load_json, refuse_unstorable
from apps.orders.models import Order
from apps.refunds.jobs import enqueue_evaluation
from apps.stores.models import Store


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    store: Store
    body: bytes
    headers: Mapping[str, str]
    remote_address: str


def take_exchange_order(received: Received) -> str:
    """Places the exchange order asked for, or finds the one placed before; returns the answer's
    body, which is the same text every time.

    Raises InvalidMessage for what cannot be placed (the request is then kept as refused), and
    `pricing.TaxUnavailable` where the tax is not to be had (nothing is kept: ask again).
    """
    try:
        content = load_json(received.body)
    except InvalidMessage as error:
        keep_refused(received, subject="", error=str(error))
        raise
    try:
        refuse_unstorable(content)
        request = translate.exchange_request(exchange_message.parse(content))
        return _answer(received, request)
    except InvalidMessage as error:
        keep_refused(received, exchange_message.identifier_in(content), error=str(error))
        raise


def keep_refused(received: Received, subject: str, error: str) -> None:
    """Keeps a request that was refused, with what its sender is told."""
    with transaction.atomic():
        _keep(received, DeliveryState.REFUSED, subject, error)


def _answer(received: Received, request: ExchangeRequest) -> str:
    store = received.store
    order = queries.original_order_meant(store.pk, request)
    if order is None:
        raise exchanges.unknown_order(store_id=store.pk, request=request)
    quote = _quote(store, order, request)
    with transaction.atomic():
        # The order first: whoever comes second waits here, whatever was asked.
        exchanges.lock(order)
        delivery = _keep(received, DeliveryState.PROCESSED, request.original_order_id)
        placed = exchanges.place(order=order, request=request, quote=quote, delivery_id=delivery.pk)
        if placed.is_new:
            for rma in queries.rmas_waiting_for(placed.exchange_order):
                enqueue_evaluation(rma)
    return placed.exchange_order.answer_body


def _quote(store: Store, order: Order, request: ExchangeRequest) -> Quote | None:
    """Returns the price, or None where it was answered before: that answer stands, whatever the
    catalog says today."""
    if ExchangeOrder.objects.filter(original_order=order).exists():
        return None
    exchanges.check_placeable(order, request)
    return pricing.quote_for(store=store, order=order, request=request)


def _keep(received: Received, state: DeliveryState, subject: str, error: str = "") -> Delivery:
    """Stores the request as it came, or counts it where the same body is there; a request that was
    refused once and can be placed now is processed from then on."""
    delivery = new_delivery(
        store=received.store,
        topic=Topic.EXCHANGE_ORDER,
        body=received.body,
        headers=received.headers,
        remote_address=received.remote_address,
    )
    delivery.state = state
    delivery.subject = storable(subject)[:255]
    delivery.error = storable(error)
    delivery.processed_at = clock.now() if state == DeliveryState.PROCESSED else None
    try:
        with transaction.atomic():
            delivery.save()
    except IntegrityError:
        delivery = _count_copy(delivery)
    _show_drift(delivery)
    return delivery


def _count_copy(delivery: Delivery) -> Delivery:
    same = same_message(delivery, delivery.store_id)
    same.update(copies=F("copies") + 1, last_received_at=delivery.last_received_at)
    same.exclude(state=DeliveryState.PROCESSED).update(
        state=delivery.state,
        subject=delivery.subject,
        error=delivery.error,
        processed_at=delivery.processed_at,
    )
    return same.get()


def _show_drift(delivery: Delivery) -> None:
    version = delivery.api_version.strip()
    if version in exchange_message.API_VERSIONS:
        return
    open_item(
        store_id=delivery.store_id,
        kind=Kind.CONTRACT_DRIFT,
        subject=f"exchange orders: X-Optiturn-Api-Version={version}",
        detail=f"X-Optiturn-Api-Version of an exchange order is {version!r}, last seen on message "
        f"{delivery.pk}; the contract knows 1 and 2. It was served all the same.",
    )
