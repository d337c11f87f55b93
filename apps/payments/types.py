"""The small interface behind which every payment gateway stands. Amounts are integer cents."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class GatewayOutcome(StrEnum):
    """What a gateway says of a payment. Silence and nonsense are UNKNOWN, never DECLINED; PENDING
    is a clear word that it was taken and is not decided yet."""

    PAID = "paid"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    PENDING = "pending"


@dataclass(frozen=True)
class PayoutRequest:
    """One payment to one recipient. `key` makes it happen at most once, for ever.

    `transaction_identifier` is the payment of `order_identifier` that the money goes back to, as
    the order system names it, and `tender` its kind ("card", "gift_card", ...); both are empty
    where the order has no transactions, or the money goes elsewhere (`destination`).
    """

    key: str
    amount_cents: int
    currency: str
    destination: str
    recipient_email: str
    order_identifier: str
    refund_identifier: str
    transaction_identifier: str = ""
    tender: str = ""


@dataclass(frozen=True)
class GatewayResult:
    """What the gateway answered; `amount_cents` is what it says it paid, where it says so.

    `was_sent` is False only where the gateway is certain that this call sent nothing at all;
    `reason` says why. It tells nothing of earlier calls with the same key.
    """

    outcome: GatewayOutcome
    reference: str = ""
    reason: str = ""
    amount_cents: int | None = None
    was_sent: bool = True


class Gateway(Protocol):
    """A way to move money. Neither method raises for what a gateway does wrong: that is UNKNOWN."""

    @property
    def is_told(self) -> bool:
        """Whether the outcome is told to the desk (by a person or the API), so that asking again
        is of no use."""

    @property
    def account(self) -> str:
        """Which account at which provider this pays from: at most 255 characters, no secrets, and
        "" where there is only one, or none that can be used (then nothing is sent). Another account
        knows nothing of a key that this one was given: its "never seen" is no word to pay by.

        `refund` and `find` of the same object use the account that this tells of, even if it is
        edited meanwhile."""

    def refund(self, request: PayoutRequest) -> GatewayResult:
        """Pays; the same key again pays nothing more and gives the first answer."""

    def find(self, request: PayoutRequest) -> GatewayResult | None:
        """Tells what became of a request's key; None where the gateway is certain it never saw
        it."""
