"""What a gateway's or bank's file says, in plain data. Amounts are integer cents."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Self


class AmountFormat(StrEnum):
    """How a file writes amounts."""

    POINT = "point"
    COMMA = "comma"
    MINOR = "minor"


class Sign(StrEnum):
    """Which of a file's amounts are payouts."""

    NEGATIVE = "negative"
    POSITIVE = "positive"
    BY_KIND = "by_kind"


class DateOrder(StrEnum):
    """How a file writes days."""

    YEAR_FIRST = "ymd"
    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


@dataclass(frozen=True)
class ColumnMapping:
    """Which column of a file says what, by position from 0; None: none does. `kinds` are the values
    of `kind` that mean a payout, in lower case; empty: every row may be one."""

    reference: int
    amount: int
    amount_format: AmountFormat = AmountFormat.POINT
    sign: Sign = Sign.POSITIVE
    currency_column: int | None = None
    currency: str = ""
    date: int | None = None
    date_order: DateOrder = DateOrder.YEAR_FIRST
    key: int | None = None
    fee: int | None = None
    kind: int | None = None
    kinds: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Reads back what `to_json` wrote."""
        return cls(
            **{
                **content,
                "amount_format": AmountFormat(content["amount_format"]),
                "sign": Sign(content["sign"]),
                "date_order": DateOrder(content["date_order"]),
                "kinds": tuple(content["kinds"]),
            }
        )

    def to_json(self) -> dict[str, Any]:
        """Returns it for a row."""
        return {**asdict(self), "kinds": list(self.kinds)}


@dataclass(frozen=True)
class ToldPayout:
    """One usable row of a file: a payout as its source tells of it. `key` is what it says of the
    desk's own key or refund identifier."""

    line: int
    offset: int
    reference: str
    amount_cents: int
    currency: str
    key: str = ""
    fee_cents: int | None = None
    paid_on: date | None = None
    kind: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A row that is no payout, such as a charge; `kind` as the file calls it."""

    kind: str


class Standing(StrEnum):
    """How a row of a file stands to the desk's payouts. Only MATCHED, NOT_PAID and DIFFERS hold
    their payout: it is theirs, and no other row's."""

    NEW = "new"
    MATCHED = "matched"
    NOT_PAID = "not_paid"
    DIFFERS = "differs"
    TWICE = "twice"
    REPEATED = "repeated"
    UNMATCHED = "unmatched"


HOLDING = frozenset({Standing.MATCHED, Standing.NOT_PAID, Standing.DIFFERS})


class Way(StrEnum):
    """By what a row found its payout."""

    KEY = "key"
    REFERENCE = "reference"
    REFUND = "refund"
    PERSON = "person"


@dataclass(frozen=True)
class RowFacts:
    """What decides on a row; `statement` is the file it is in."""

    pk: int
    statement: int
    reference: str
    key: str
    amount_cents: int
    currency: str
    paid_on: date | None

    @property
    def likeness(self) -> tuple[str, int, str, date] | None:
        """What two records of one movement have in common; None where that cannot be told."""
        if not self.reference or self.paid_on is None:
            return None
        return (self.reference, self.amount_cents, self.currency, self.paid_on)


@dataclass(frozen=True)
class PayoutFacts:
    """What decides on a payout; `key` is its idempotency key."""

    pk: int
    reference: str
    key: str
    refund_identifier: str
    amount_cents: int
    currency: str
    is_paid: bool


@dataclass(frozen=True)
class Finding:
    """What became of a row: its standing, and the payout it tells of where there is one."""

    row: int
    standing: Standing
    payout: int | None = None
    way: Way | None = None
