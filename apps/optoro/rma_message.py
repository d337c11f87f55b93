"""The RMAs webhook (contract §5): from bytes to one normalized form, whatever the API version.

Strict where the desk could not go on (identifiers, figures, types), lenient everywhere else.
Words that are not in the contract are kept as they came and reported as drift.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.optoro.reading import MAX_TEXT, Reader

STATUSES = ("PENDING_EXCHANGE", "CREATED", "REFUNDED", "PARTIAL_REFUND", "CANCELED")
RETURN_METHODS = ("mail-back", "express-returns", "customer-keep", "home-pickup")
TRACKING_STATUSES = (
    "PRE_TRANSIT",
    "ACCEPTED",
    "TRANSIT",
    "DELIVERED",
    "RETURNED",
    "FAILURE",
    "NOT_DROPPED_OFF",
)
RECEIVING_STATUSES = ("PENDING", "RECEIVED", "NOT_RECEIVED")
REFUND_TYPES = (
    "REFUND",
    "STANDARD_EXCHANGE",
    "INSTANT_EXCHANGE",
    "INSTANT_STORE_CREDIT",
    "UNEVEN_EXCHANGE",
)
CONDITIONS = ("N", "TT", "R", "A", "B", "C", "X")

# Older names of the same thing (v3 and the guide).
_SAME_AS = {
    "EVEN_EXCHANGE": "INSTANT_EXCHANGE",
    "UNEVEN_GC": "INSTANT_STORE_CREDIT",
    "express-return": "express-returns",
}


@dataclass(frozen=True)
class Drift:
    """A value that the contract does not know."""

    field: str
    value: str


@dataclass(frozen=True)
class WireUnit:
    """One element of `items`."""

    order_identifier: str
    order_line_item_identifier: str
    secondary_identifier: str
    sku: str
    upc: str
    return_reason: str
    refund_type: str
    is_exchange: bool
    exchange_order_identifier: str
    original_order_identifier: str
    tracking_number: str
    package_tracking_status: str
    receiving_status: str
    warehouse_receipt_condition: str
    estimated_refund_amount_cents: int
    optoro_refund_amount_cents: int
    shopper_refund_amount_cents: int


@dataclass(frozen=True)
class WireRma:
    """One RMA message."""

    rma_identifier: str
    status: str
    return_method: str
    created_at: datetime | None
    updated_at: datetime | None
    return_shipping_cost_cents: int
    bonus_credit_amount_cents: int
    gift_refund_only: bool | None
    giftee_email: str
    warehouse_identifier: str
    receiving_complete: bool | None
    concept: str
    units: tuple[WireUnit, ...]
    drift: tuple[Drift, ...]


def identifier_in(content: Any) -> str:
    """Returns the RMA identifier if the content has one at all, for showing what cannot be used."""
    value = content.get("rma_identifier") if isinstance(content, dict) else None
    return str(value)[:255] if isinstance(value, str | int) else ""


def parse(content: Any) -> WireRma:
    """Returns the normalized message; raises InvalidMessage naming every field that is wrong."""
    reader = Reader(content)
    reader.raise_errors()
    drift: list[Drift] = []
    units = tuple(_unit(item, drift) for item in _items(reader))
    status = _known_word(reader, "status", STATUSES, drift, required=True)
    return_method = _known_word(reader, "return_method", RETURN_METHODS, drift, required=True)
    message = WireRma(
        rma_identifier=reader.text("rma_identifier", required=True),
        status=status,
        return_method=return_method,
        created_at=reader.moment("created_at"),
        updated_at=reader.moment("updated_at"),
        return_shipping_cost_cents=reader.cents("return_shipping_cost_cents", required=False),
        bonus_credit_amount_cents=reader.cents("bonus_credit_amount_cents", required=False),
        gift_refund_only=reader.flag("gift_refund_only"),
        giftee_email=reader.text("giftee_email"),
        warehouse_identifier=reader.text("warehouse_id"),
        receiving_complete=reader.flag("receiving_complete"),
        concept=reader.text("concept"),
        units=units,
        drift=tuple(dict.fromkeys(drift)),
    )
    reader.raise_errors()
    return message


def _items(reader: Reader) -> list[Reader]:
    """Reads `items`; a one-item RMA has been documented with a bare object (contract §5)."""
    if isinstance(reader.content.get("items"), dict):
        bare = reader.object("items")
        return [bare] if bare else []
    items = reader.objects("items", required=True)
    if not items and reader.content.get("items") == []:
        reader.add("items", "missing_field", "must hold at least one unit")
    return items


def _unit(item: Reader, drift: list[Drift]) -> WireUnit:
    figures = item.object("refund_financials", required=True) or Reader({}, "", [])
    is_exchange = bool(item.flag("is_exchange"))
    return WireUnit(
        order_identifier=item.text("order_identifier", required=True),
        order_line_item_identifier=item.text("order_line_item_identifier", required=True),
        secondary_identifier=item.text("secondary_identifier"),
        sku=item.text("sku"),
        upc=item.text("upc"),
        return_reason=item.text("return_reason", limit=10_000)[:MAX_TEXT],
        refund_type=_known_word(item, "refund_type", REFUND_TYPES, drift, required=True),
        is_exchange=is_exchange,
        exchange_order_identifier=item.text("exchange_order_identifier"),
        original_order_identifier=item.text("original_order_identifier"),
        tracking_number=item.text("tracking_number"),
        package_tracking_status=_known_word(
            item, "package_tracking_status", TRACKING_STATUSES, drift
        ),
        receiving_status=_known_word(item, "receiving_status", RECEIVING_STATUSES, drift),
        warehouse_receipt_condition=_known_word(
            item, "warehouse_receipt_condition", CONDITIONS, drift
        ),
        estimated_refund_amount_cents=figures.cents("estimated_refund_amount_cents"),
        optoro_refund_amount_cents=figures.cents("optoro_refund_amount_cents"),
        shopper_refund_amount_cents=figures.cents("shopper_refund_amount_cents"),
    )


def _known_word(
    reader: Reader,
    name: str,
    known: tuple[str, ...],
    drift: list[Drift],
    *,
    required: bool = False,
) -> str:
    value = reader.text(name, required=required, limit=40)
    value = _SAME_AS.get(value, value)
    if value and value not in known:
        drift.append(Drift(name, value))
    return value
