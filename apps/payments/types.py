"""The small interface behind which every payment gateway stands. Amounts are integer cents."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class GatewayOutcome(StrEnum):
    """What a gateway says of a payment. Silence and nonsense are UNKNOWN, never DECLINED."""

    PAID = "paid"
    DECLINED = "declined"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class PayoutRequest:
    """One payment to one recipient. `key` makes it happen at most once, for ever."""

    key: str
    amount_cents: int
    currency: str
    destination: str
    recipient_email: str
    order_identifier: str
    refund_identifier: str


@dataclass(frozen=True)
class GatewayResult:
    """What the gateway answered."""

    outcome: GatewayOutcome
    reference: str = ""
    reason: str = ""


class Gateway(Protocol):
    """A way to move money. Neither method raises for what a gateway does wrong: that is UNKNOWN."""

    def refund(self, request: PayoutRequest) -> GatewayResult:
        """Pays; the same key again pays nothing more and gives the first answer."""

    def find(self, key: str) -> GatewayResult | None:
        """Tells what became of a key; None where the gateway is certain it never saw it."""
