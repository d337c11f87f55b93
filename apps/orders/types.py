"""What the orders app is told: plain, frozen, already validated. Amounts are integer cents."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class LineSnapshot:
    """One line; amounts are the whole line's."""

    identifier: str
    sku: str
    upc: str
    title: str
    product_identifier: str
    variant_identifier: str
    quantity: int
    quantity_shipped: int
    quantity_canceled: int
    quantity_refunded: int
    unit_price_amount_cents: int
    product_amount_cents: int
    tax_amount_cents: int
    discount_amount_cents: int
    tracking_number: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TransactionSnapshot:
    """One payment movement as the source reports it."""

    identifier: str
    type: str
    status: str
    amount_cents: int
    gateway: str
    parent_identifier: str = ""


@dataclass(frozen=True)
class ReportedRefundLine:
    """How many units of a line a reported refund covers."""

    identifier: str
    order_item_identifier: str
    quantity: int


@dataclass(frozen=True)
class ReportedRefund:
    """A refund that the source says it has made."""

    identifier: str
    total_refund_amount_cents: int
    created_at: datetime
    rma_identifier: str
    note: str
    lines: tuple[ReportedRefundLine, ...]
    raw: dict[str, Any]
    is_ignored: bool = False


@dataclass(frozen=True)
class OrderSnapshot:
    """A full snapshot of an order."""

    identifier: str
    secondary_identifier: str
    status: str
    raw_status: str
    concept: str
    currency: str
    total_amount_cents: int
    product_amount_cents: int
    tax_amount_cents: int
    discount_amount_cents: int
    shipping_amount_cents: int
    shipping_tax_amount_cents: int
    tags: tuple[str, ...]
    note: str
    customer_email: str
    customer_name: str
    customer_phone: str
    created_at: datetime
    updated_at: datetime
    lines: tuple[LineSnapshot, ...]
    transactions: tuple[TransactionSnapshot, ...]
    refunds: tuple[ReportedRefund, ...]
    raw: dict[str, Any]


@dataclass(frozen=True)
class MirrorResult:
    """What became of a snapshot (`created`, `updated`, `unchanged` or `stale`), and what the order
    was called besides before it."""

    order_id: int
    outcome: str
    header_difference_cents: int
    former_secondary_identifier: str
