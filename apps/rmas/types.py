"""What the rmas app is told, and the state it folds: plain, frozen. Amounts are integer cents."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True)
class UnitSnapshot:
    """One unit as one message tells it; empty text stands for what the message leaves out."""

    order_identifier: str
    order_line_item_identifier: str
    secondary_identifier: str = ""
    sku: str = ""
    upc: str = ""
    return_reason: str = ""
    refund_type: str = "REFUND"
    is_exchange: bool = False
    exchange_order_identifier: str = ""
    original_order_identifier: str = ""
    tracking_number: str = ""
    package_tracking_status: str = ""
    receiving_status: str = ""
    warehouse_receipt_condition: str = ""
    estimated_refund_amount_cents: int = 0
    optoro_refund_amount_cents: int = 0
    shopper_refund_amount_cents: int = 0

    @property
    def line(self) -> tuple[str, str]:
        """Which line of which order the unit belongs to."""
        return (self.order_identifier, self.order_line_item_identifier)


@dataclass(frozen=True)
class RmaSnapshot:
    """One RMA message, normalized (contract §5)."""

    rma_identifier: str
    status: str
    return_method: str
    units: tuple[UnitSnapshot, ...]
    created_at: datetime | None = None
    updated_at: datetime | None = None
    return_shipping_cost_cents: int = 0
    bonus_credit_amount_cents: int = 0
    gift_refund_only: bool | None = None
    giftee_email: str = ""
    warehouse_identifier: str = ""
    receiving_complete: bool | None = None
    concept: str = ""

    def to_content(self) -> dict[str, Any]:
        """Returns the message as JSON content, times in ISO 8601."""
        content = asdict(self)
        for name in ("created_at", "updated_at"):
            content[name] = content[name].isoformat() if content[name] else None
        content["units"] = list(content["units"])
        return content

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        """Reads back what `to_content` wrote; names it does not know (yet) are left aside."""
        known = {f.name for f in fields(cls)}
        unit_names = {f.name for f in fields(UnitSnapshot)}
        values = {name: value for name, value in content.items() if name in known}
        for name in ("created_at", "updated_at"):
            values[name] = datetime.fromisoformat(values[name]) if values.get(name) else None
        values["units"] = tuple(
            UnitSnapshot(**{name: value for name, value in unit.items() if name in unit_names})
            for unit in content["units"]
        )
        return cls(**values)


@dataclass(frozen=True)
class UnitState:
    """One unit after the fold: its facts, its place in its line, and what an open RMA showed."""

    facts: UnitSnapshot
    ordinal: int
    is_withdrawn: bool
    was_seen_open: bool
    open_package_tracking_status: str
    open_receiving_status: str


@dataclass(frozen=True)
class RmaState:
    """An RMA after the fold over a set of messages."""

    status: str
    return_method: str
    return_shipping_cost_cents: int
    bonus_credit_amount_cents: int
    gift_refund_only: bool
    giftee_email: str
    warehouse_identifier: str
    receiving_complete: bool | None
    concept: str
    created_at: datetime | None
    updated_at: datetime | None
    units: tuple[UnitState, ...]
