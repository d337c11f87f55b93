"""What is booked: plain data. Amounts are integer cents of one currency."""

from dataclasses import dataclass
from datetime import datetime

from apps.stores.models import Store


@dataclass(frozen=True)
class Leg:
    """One account's part of an event."""

    account: str
    amount_cents: int


@dataclass(frozen=True)
class Pair:
    """An amount that leaves one account and goes to another: what is debited is credited."""

    debit_account: str
    credit_account: str
    amount_cents: int


@dataclass(frozen=True)
class Booking:
    """A money event that is to be booked. `key` names it for ever within its store: booked again it
    changes nothing."""

    store: Store
    key: str
    kind: str
    currency: str
    debited: tuple[Leg, ...]
    credited: tuple[Leg, ...]
    happened_at: datetime
    memo: str
    order_identifier: str = ""
    rma_identifier: str = ""
    refund_identifier: str = ""
    exchange_order_identifier: str = ""
