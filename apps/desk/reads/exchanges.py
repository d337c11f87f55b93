"""Everything the page of an exchange order shows."""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from apps.attention.models import Item
from apps.attention.queries import open_items
from apps.desk.reads.orders import cut
from apps.exchanges.models import ExchangeCollision, ExchangeLine, ExchangeOrder
from apps.exchanges.queries import own_order_of
from apps.exchanges.rules import status_of
from apps.inbox.models import Delivery, DeliveryState, Topic
from apps.orders.models import Order, OrderLine
from apps.orders.queries import lines_of
from apps.reconciliation.settlement import settlement_of
from apps.reconciliation.settlement_rules import Settlement
from apps.rmas.models import Rma
from apps.timeline.models import Event
from apps.timeline.queries import events_about

# A collision shows so many of its differences; the message has the whole request.
DIFFERENCES_SHOWN = 12


@dataclass(frozen=True)
class LineView:
    """A line with what the request said and where price and tax came from."""

    line: ExchangeLine
    requested_price_cents: int | None
    requested_tax_cents: int | None

    @property
    def differs(self) -> bool:
        """Whether the desk's unit price or tax is not the request's."""
        line = self.line
        return self.requested_price_cents not in (
            None,
            line.unit_price_amount_cents,
        ) or self.requested_tax_cents not in (None, line.tax_amount_cents)


@dataclass(frozen=True)
class CollisionView:
    """A request that was not placed, and the fields in which it differs."""

    collision: ExchangeCollision
    differences: list[dict[str, Any]]
    more: int


@dataclass(frozen=True)
class ExchangePage:
    """The page of an exchange order."""

    placed: ExchangeOrder
    status: str
    lines: list[LineView]
    answer: dict[str, Any]
    original: Order
    rma: Rma | None
    own: Order | None
    own_lines: list[OrderLine]
    settlement: Settlement
    collisions: list[CollisionView]
    attention: list[Item]
    events: list[Event]
    has_more_events: bool

    @property
    def shipped(self) -> int:
        """How many pieces the order system has shipped."""
        return sum(line.quantity_shipped for line in self.own_lines)

    @property
    def ordered(self) -> int:
        """How many pieces the order system is to ship."""
        return sum(line.quantity - line.quantity_canceled for line in self.own_lines)


def exchange_order_of(delivery: Delivery) -> ExchangeOrder | None:
    """Returns the exchange order that a message asked for, whether or not it placed it."""
    if delivery.topic != Topic.EXCHANGE_ORDER or delivery.state != DeliveryState.PROCESSED:
        return None
    rows = ExchangeOrder.objects.filter(store_id=delivery.store_id)
    carried = rows.filter(Q(delivery_id=delivery.pk) | Q(collisions__delivery_id=delivery.pk))
    return carried.first() or rows.filter(named_order_identifier=delivery.subject).first()


def exchange_page(placed: ExchangeOrder, *, whole_timeline: bool = False) -> ExchangePage:
    """Reads the page of an exchange order; the timeline is cut unless `whole_timeline`."""
    own = own_order_of(placed)
    about_both = events_about(
        store_id=placed.store_id,
        order_identifiers=[placed.original_order_identifier, placed.order_identifier],
    )
    mine = Q(kind__startswith="exchange.", order_identifier=placed.original_order_identifier)
    mine |= Q(order_identifier=placed.order_identifier)
    events, has_more = cut(about_both.filter(mine), whole_timeline)
    return ExchangePage(
        placed=placed,
        status=status_of(placed.own_order_status),
        lines=[_line_view(line) for line in placed.lines.order_by("position")],
        answer=json.loads(placed.answer_body),
        original=placed.original_order,
        rma=Rma.objects.filter(
            store_id=placed.store_id, rma_identifier=placed.rma_identifier
        ).first(),
        own=own,
        own_lines=list(lines_of(own)) if own else [],
        settlement=settlement_of(placed),
        collisions=[_collision_view(collision) for collision in placed.collisions.order_by("pk")],
        attention=_attention(placed),
        events=events,
        has_more_events=has_more,
    )


def _line_view(line: ExchangeLine) -> LineView:
    return LineView(
        line,
        line.calculation.get("requested_unit_price_amount_cents"),
        line.calculation.get("requested_tax_amount_cents"),
    )


def _collision_view(collision: ExchangeCollision) -> CollisionView:
    found = collision.differences
    return CollisionView(collision, found[:DIFFERENCES_SHOWN], len(found[DIFFERENCES_SHOWN:]))


def _attention(placed: ExchangeOrder) -> list[Item]:
    """The collision is named for the original order, everything else for the exchange order."""
    about = Q(kind="exchange_collision", subject=placed.original_order_identifier[:255])
    about |= Q(kind="exchange_needs_look", subject=placed.order_identifier[:255])
    return list(open_items(placed.store_id).filter(about))
