"""Building the snapshot of an order for Optoro (contract §8), from the database as it is now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.common.clock import wire_time
from apps.optoro.order_message import IGNORE_REFUND
from apps.orders.models import Order
from apps.refunds.models import Refund, RefundKind, Source
from apps.refunds.queries import reportable_refunds

_ORDER_FIELDS = (
    "identifier",
    "status",
    "raw_status",
    "secondary_identifier",
    "concept",
    "total_amount_cents",
    "product_amount_cents",
    "tax_amount_cents",
    "discount_amount_cents",
    "shipping_amount_cents",
    "shipping_tax_amount_cents",
    "currency",
    "tags",
    "note",
    "created_at",
)
_ITEM_FIELDS = (
    "identifier",
    "sku",
    "upc",
    "quantity",
    "quantity_shipped",
    "quantity_canceled",
    "quantity_refunded",
    "tracking_number",
    "reverse_tracking_number",
    "dropship_identifier",
    "shipped_date",
    "return_policy_end_date",
    "product_identifier",
    "variant_identifier",
    "variants",
    "title",
    "product_amount_cents",
    "tax_amount_cents",
    "discount_amount_cents",
    "unit_price_amount_cents",
    "tags",
    "image_url",
    "weight",
    "concept",
)
_REFUND_FIELDS = (
    "identifier",
    "total_refund_amount_cents",
    "refund_line_items",
    "refund_transactions",
    "created_at",
    "note",
    "rma_identifier",
    "tags",
)
_CUSTOMER_FIELDS = ("identifier", "email", "first_name", "last_name", "phone", "tags")
_TRANSACTION_FIELDS = (
    "identifier",
    "parent_identifier",
    "amount_cents",
    "status",
    "type",
    "gateway",
    "is_online",
    "is_test",
    "created_at",
    "updated_at",
    "payment_details",
)
_DISCOUNT_FIELDS = ("identifier", "code", "type", "amount_cents", "created_at", "updated_at")
_REFUND_LINE_FIELDS = ("identifier", "quantity", "order_item_identifier")
# Fields that are not text: everything else is, also where a source sends a number (§10.8).
_NOT_TEXT = frozenset(
    {
        *(name for name in (*_ORDER_FIELDS, *_ITEM_FIELDS) if name.endswith("_cents")),
        "amount_cents",
        "total_refund_amount_cents",
        "quantity",
        "quantity_shipped",
        "quantity_canceled",
        "quantity_refunded",
        "weight",
        "is_online",
        "is_test",
    }
)
_REPORTED_NOTE = "Returned"


@dataclass(frozen=True)
class Snapshot:
    """What goes out, and which refunds it reports."""

    content: dict[str, Any]
    refund_ids: tuple[int, ...]


def build_snapshot(order: Order) -> Snapshot:
    """Returns the newest snapshot of `order`: what its source last said, plus every paid refund.

    `updated_at` is the newest of the source's own and the refunds', so that it never goes back.
    """
    refunds = list(reportable_refunds(order))
    content = _picked(order.raw, _ORDER_FIELDS)
    content["updated_at"] = wire_time(_updated_at(order, refunds))
    content["items"] = _each(order.raw["items"], _ITEM_FIELDS)
    content["customer"] = _picked(order.raw["customer"], _CUSTOMER_FIELDS)
    content["transactions"] = [_transaction(told) for told in order.raw["transactions"]]
    content["discounts"] = _each(order.raw["discounts"], _DISCOUNT_FIELDS)
    for name in ("shipping_address", "billing_address"):
        content[name] = _address(order.raw[name])
    content["refunds"] = [reported(refund) for refund in refunds]
    return Snapshot(
        content={"returns_portal_order": {"orders": [content]}},
        refund_ids=tuple(refund.pk for refund in refunds),
    )


def reported(refund: Refund) -> dict[str, Any]:
    """Returns a refund as Optoro is told of it. Made only of what never changes once it is paid:
    a refund that was sent is frozen (contract §8)."""
    if refund.source == Source.EXTERNAL and refund.raw:
        lines = _each(refund.raw["refund_line_items"], _REFUND_LINE_FIELDS)
        content = {"refund_transactions": [], **_picked(refund.raw, _REFUND_FIELDS)}
        return {**content, "refund_line_items": lines}
    assert refund.paid_at is not None
    content = {
        "identifier": refund.identifier,
        "total_refund_amount_cents": refund.total_refund_amount_cents,
        "refund_line_items": [
            {
                "identifier": line.identifier,
                "quantity": line.quantity,
                "order_item_identifier": line.order_line.identifier,
            }
            for line in refund.lines.all()
        ],
        "refund_transactions": [],
        "note": _REPORTED_NOTE,
        "created_at": wire_time(refund.paid_at),
    }
    if refund.kind == RefundKind.GOODWILL:
        # It closes no return: Optoro is told of it, and told to leave it aside.
        return {**content, "tags": [IGNORE_REFUND]}
    if refund.rma_identifier:
        content["rma_identifier"] = refund.rma_identifier
    return content


def _updated_at(order: Order, refunds: list[Refund]) -> datetime:
    return max([order.remote_updated_at, *(r.paid_at for r in refunds if r.paid_at)])


def _picked(content: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Returns the contract's fields; what is empty is left out, and text is text."""
    return {
        name: content[name] if name in _NOT_TEXT else _as_text(content[name])
        for name in names
        if content.get(name) is not None
    }


def _as_text(value: Any) -> Any:
    """Returns numbers as digits and text without space around it, as the mirror reads them."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value).strip()
    return value


def _each(elements: list[Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [_picked(element, names) for element in elements]


def _transaction(told: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a transaction. All its fields are required (contract §8), but one without a parent,
    say, has null there: null is sent as it came, and what was left out is sent as null."""
    return {**dict.fromkeys(_TRANSACTION_FIELDS), **_picked(told, _TRANSACTION_FIELDS)}


def _address(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an address in the spelling of this API, whichever it came in (contract §10.7)."""
    address = _picked(raw, ("name", "street1", "street2", "city", "country_code", "phone"))
    address["state"] = _as_text(raw.get("state") or raw.get("province") or "")
    address["zip_code"] = _as_text(
        raw.get("zip_code") or raw.get("postal_code") or raw.get("zip") or ""
    )
    return address
