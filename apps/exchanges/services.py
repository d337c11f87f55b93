"""Placing exchange orders: once per original order, and the same answer for ever."""

import json
from dataclasses import asdict, dataclass

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from apps.attention.models import Kind
from apps.attention.services import open_item
from apps.common import clock, money
from apps.common.errors import FieldError, InvalidMessage
from apps.exchanges import rules
from apps.exchanges.books import book_placed
from apps.exchanges.models import ExchangeCollision, ExchangeLine, ExchangeOrder, PriceSource
from apps.exchanges.types import ExchangeRequest, PricedLine, Quote
from apps.orders.models import Order
from apps.orders.queries import is_ambiguous, lines_of, lock_orders
from apps.orders.rules import shipped_amount_cents
from apps.rmas.models import Rma
from apps.timeline import services as timeline
from apps.timeline.types import OPTORO, Change, MessageRef

# The collision itself keeps all of them.
_CHANGES_KEPT = 50


@dataclass(frozen=True)
class Placed:
    """The exchange order that answers a request, and whether this request made it."""

    exchange_order: ExchangeOrder
    is_new: bool


def unknown_order(*, store_id: int, request: ExchangeRequest) -> InvalidMessage:
    """Returns the error for a request whose original order is not there."""
    name = request.original_order_id
    remedy = (
        "several orders have this secondary identifier; send the order's primary one"
        if is_ambiguous(store_id=store_id, identifier=name)
        else "no such order is known; send it first, then place the exchange order again"
    )
    return InvalidMessage([FieldError("original_order_id", "invalid", f"is {name!r}: {remedy}")])


def check_placeable(order: Order, request: ExchangeRequest) -> None:
    """Raises InvalidMessage where the original order does not allow an exchange."""
    errors = []
    if request.currency != order.currency:
        message = f"is {request.currency!r}: order {order.identifier} is in {order.currency}"
        errors.append(FieldError("currency", "invalid", message))
    if order.status == rules.CANCELED:
        message = f"is {request.original_order_id!r}: that order is canceled"
        errors.append(FieldError("original_order_id", "invalid", message))
    if errors:
        raise InvalidMessage(errors)


def lock(order: Order) -> Order:
    """Locks the original order for the rest of the transaction and returns it as it is now."""
    return lock_orders([order.pk])[order.pk]


def place(
    *, order: Order, request: ExchangeRequest, quote: Quote | None, delivery_id: int
) -> Placed:
    """Places the exchange order of `order`, or answers like the first time (contract §7): the same
    request changes nothing, a different one is kept as a collision and shown to a person.

    `quote` may be None only where an exchange order is there. Raises InvalidMessage where the order
    does not allow it. Call it inside a transaction; it locks the order.
    """
    order = lock(order)
    placed = ExchangeOrder.objects.filter(
        store_id=order.store_id, original_order_identifier=order.identifier
    ).first()
    if placed:
        if placed.content_sha256 != request.content_sha256():
            _keep_collision(placed, request, delivery_id)
        return Placed(placed, is_new=False)
    assert quote is not None
    check_placeable(order, request)
    placed = _create(order, request, quote, delivery_id)
    lines = [_line(placed, position, line) for position, line in enumerate(quote.lines)]
    ExchangeLine.objects.bulk_create(lines)
    book_placed(placed, lines)
    _tell(placed, delivery_id)
    _show_what_needs_a_look(placed, order, request, quote)
    return Placed(placed, is_new=True)


class _Taken(Exception):
    """The identifier names an order already."""


def _create(
    order: Order, request: ExchangeRequest, quote: Quote, delivery_id: int
) -> ExchangeOrder:
    """Saves it under the first identifier that no order and no exchange order bears."""
    for identifier in rules.identifiers_for(order.identifier):
        placed = _exchange_order(order, request, quote, identifier, delivery_id)
        try:
            with transaction.atomic():
                placed.save()
                # Looked for as late as can be: an order may come in meanwhile.
                if _names_an_order(order.store_id, identifier):
                    raise _Taken
        except _Taken:
            continue
        except IntegrityError:
            # Another order's exchange order may bear a long identifier, cut, already.
            others = ExchangeOrder.objects.filter(
                store_id=order.store_id, order_identifier=identifier
            )
            if others.exists():
                continue
            raise
        return placed
    raise AssertionError("identifiers do not end")


def _names_an_order(store_id: int, identifier: str) -> bool:
    """An RMA may call an order by its secondary identifier, so that one is taken too."""
    return Order.objects.filter(
        Q(identifier=identifier) | Q(secondary_identifier=identifier), store_id=store_id
    ).exists()


def _exchange_order(
    order: Order, request: ExchangeRequest, quote: Quote, identifier: str, delivery_id: int
) -> ExchangeOrder:
    customer = request.customer
    return ExchangeOrder(
        store_id=order.store_id,
        order_identifier=identifier,
        original_order=order,
        original_order_identifier=order.identifier,
        named_order_identifier=request.original_order_id,
        original_secondary_order_identifier=(
            request.original_secondary_order_id or order.secondary_identifier
        ),
        rma_identifier=request.rma_identifier,
        currency=request.currency,
        is_gift=request.is_gift,
        note=request.note,
        customer_identifier=customer.identifier,
        customer_email=customer.email,
        customer_name=f"{customer.first_name} {customer.last_name}".strip(),
        customer_phone=customer.phone,
        shipping_address=asdict(request.shipping_address),
        billing_address=asdict(request.billing_address),
        transaction_id=request.transaction_id,
        product_amount_cents=quote.product_amount_cents,
        discount_amount_cents=quote.discount_amount_cents,
        tax_amount_cents=quote.tax_amount_cents,
        shipping_amount_cents=quote.shipping_amount_cents,
        bonus_credit_amount_cents=quote.bonus_credit_amount_cents,
        total_amount_cents=quote.total_amount_cents,
        tax_service=quote.tax_service,
        content=request.content(),
        content_sha256=request.content_sha256(),
        request=request.raw,
        answer_body=_answer(identifier, quote),
        delivery_id=delivery_id,
        placed_at=clock.now(),
    )


def _answer(identifier: str, quote: Quote) -> str:
    """Returns the answer's body: exactly the four fields of contract §7."""
    return json.dumps(
        {
            "order_identifier": identifier,
            "total_amount_cents": quote.total_amount_cents,
            "product_amount_cents": quote.product_amount_cents,
            "tax_amount_cents": quote.tax_amount_cents,
        }
    )


def _line(placed: ExchangeOrder, position: int, line: PricedLine) -> ExchangeLine:
    item = line.item
    same = (
        "sku",
        "quantity",
        "discount_amount_cents",
        "bonus_credit_amount_cents",
        "original_item_identifier",
        "original_sku",
        "variant_identifier",
        "product_identifier",
        "concept",
    )
    return ExchangeLine(
        exchange_order=placed,
        position=position,
        title=line.title,
        is_gift_card=line.is_gift_card,
        price_source=line.price_source,
        unit_price_amount_cents=line.unit_price_amount_cents,
        product_amount_cents=line.product_amount_cents,
        tax_amount_cents=line.tax_amount_cents,
        return_items=[asdict(returned) for returned in item.return_items],
        calculation=line.calculation,
        **{name: getattr(item, name) for name in same},
    )


def _tell(placed: ExchangeOrder, delivery_id: int) -> None:
    total = money.show(placed.total_amount_cents, placed.currency)
    timeline.record(
        store_id=placed.store_id,
        kind="exchange.placed",
        summary=f"Exchange order {placed.order_identifier} placed: {total}",
        actor=OPTORO,
        order_identifier=placed.original_order_identifier,
        rma_identifier=placed.rma_identifier,
        message=MessageRef("delivery", delivery_id),
    )


def _known_rma(placed: ExchangeOrder) -> str:
    """Returns the RMA's identifier if it is known here, else nothing: pages link to it."""
    rmas = Rma.objects.filter(store_id=placed.store_id, rma_identifier=placed.rma_identifier)
    return placed.rma_identifier if placed.rma_identifier and rmas.exists() else ""


def _keep_collision(placed: ExchangeOrder, request: ExchangeRequest, delivery_id: int) -> None:
    """Keeps a request that differs from the one placed. One that came before is only counted: a
    person has been asked already."""
    now = clock.now()
    sha256 = request.content_sha256()
    known = placed.collisions.filter(content_sha256=sha256)
    if known.update(copies=F("copies") + 1, last_received_at=now):
        return
    found = rules.differences(placed.content, request.content())
    ExchangeCollision.objects.create(
        exchange_order=placed,
        content_sha256=sha256,
        request=request.raw,
        differences=[asdict(difference) for difference in found],
        delivery_id=delivery_id,
        received_at=now,
        last_received_at=now,
    )
    told = rules.in_words(found, placed.currency)
    open_item(
        store_id=placed.store_id,
        kind=Kind.EXCHANGE_COLLISION,
        subject=placed.original_order_identifier,
        order_identifier=placed.original_order_identifier,
        rma_identifier=_known_rma(placed),
        detail=f"{placed.order_identifier} was answered again; this request was not placed "
        f"(message {delivery_id}). It differs in {told}.",
    )
    timeline.record(
        store_id=placed.store_id,
        kind="exchange.collision",
        summary=f"A different exchange order was asked for and not placed; "
        f"{placed.order_identifier} was answered again",
        actor=OPTORO,
        order_identifier=placed.original_order_identifier,
        rma_identifier=placed.rma_identifier,
        changes=[Change(d.field, d.first, d.second) for d in found[:_CHANGES_KEPT]],
        message=MessageRef("delivery", delivery_id),
    )


def _show_what_needs_a_look(
    placed: ExchangeOrder, order: Order, request: ExchangeRequest, quote: Quote
) -> None:
    reasons = [
        *_prices_of_the_request(placed, quote),
        *(line.doubt for line in quote.lines if line.doubt),
        *_unknown_items(order, request),
        *_dearer_than_the_goods(placed, order),
    ]
    if reasons:
        open_item(
            store_id=placed.store_id,
            kind=Kind.EXCHANGE_NEEDS_LOOK,
            subject=placed.order_identifier,
            order_identifier=order.identifier,
            rma_identifier=_known_rma(placed),
            detail=" ".join(reasons),
        )


def _prices_of_the_request(placed: ExchangeOrder, quote: Quote) -> list[str]:
    return [
        f"The catalog has no {line.item.sku}: the request's price of "
        f"{money.show(line.unit_price_amount_cents or 0, placed.currency)} was taken."
        for line in quote.lines
        if line.price_source == PriceSource.REQUEST and not line.is_gift_card
    ]


def _unknown_items(order: Order, request: ExchangeRequest) -> list[str]:
    known = {"", *(line.identifier for line in lines_of(order))}
    named = [item.original_item_identifier for item in request.items]
    named += [
        returned.original_item_identifier
        for item in request.items
        for returned in item.return_items
    ]
    return [
        f"It is for item {name!r} of order {order.identifier}, which has no such item."
        for name in dict.fromkeys(named)
        if name not in known
    ]


def _dearer_than_the_goods(placed: ExchangeOrder, order: Order) -> list[str]:
    shipped_cents = sum(shipped_amount_cents(line) for line in lines_of(order))
    asked_cents = placed.total_amount_cents - placed.bonus_credit_amount_cents
    if asked_cents <= shipped_cents:
        return []
    return [
        f"It costs {money.show(asked_cents, placed.currency)} without bonus credit; the shipped "
        f"goods of order {order.identifier} cost {money.show(shipped_cents, order.currency)}."
    ]
