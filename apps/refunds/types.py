"""What decisions are made of. Amounts are integer cents."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from apps.orders.models import Order, OrderLine
from apps.refunds.calculation import LineCalculation
from apps.refunds.models import RefundKind
from apps.rmas.models import Rma, RmaUnit


@dataclass(frozen=True)
class Policy:
    """How a store, or one brand of it, decides.

    `trigger` counts for every return method that `triggers` does not name. No
    `automatic_conditions` means that every condition is refunded automatically, no
    `tolerance_cents` that any difference between Optoro's estimate and the desk's own figure is.
    """

    trigger: str
    charges_return_shipping: bool = False
    triggers: tuple[tuple[str, str], ...] = ()
    payment_delay: timedelta = timedelta(0)
    automatic_conditions: frozenset[str] | None = None
    tolerance_cents: int | None = None
    tender_order: str = "gift_card_first"
    policy_id: int | None = None

    def trigger_of(self, return_method: str) -> str:
        """Returns the trigger for what comes back by `return_method`."""
        return dict(self.triggers).get(return_method, self.trigger)

    def needs_approval(self, return_method: str) -> bool:
        """Under the manual trigger a refund is proposed and waits for a person."""
        return self.trigger_of(return_method) == "manual"


@dataclass(frozen=True)
class Approvals:
    """Who may decide on how much, in cents of the refund's currency; None is no limit.

    `two_person_above_cents` is where a refund made by a person needs a second one, whoever made it.
    """

    agent_limit_cents: int | None = 100_000
    lead_limit_cents: int | None = 1_000_000
    administrator_limit_cents: int | None = None
    api_limit_cents: int | None = 100_000
    automatic_limit_cents: int | None = None
    two_person_above_cents: int | None = 100_000
    goodwill_limit_cents: int = 5_000
    staff_hold_minutes: int = 10
    api_hold_minutes: int = 0


class Answer(StrEnum):
    """What automation does with a unit."""

    REFUNDED = "refunded"
    REFUND = "refund"
    WAIT = "wait"
    CLOSED = "closed"
    PERSON = "person"


@dataclass(frozen=True)
class Verdict:
    """What automation does with a unit, and why, in words for a person."""

    answer: Answer
    reason: str
    is_shown_elsewhere: bool = False


@dataclass(frozen=True)
class PastRefunds:
    """What was decided for a unit before."""

    live_identifier: str = ""
    declined_identifier: str = ""
    canceled_identifier: str = ""


@dataclass(frozen=True)
class UnitShare:
    """What one unit contributes: amount = shopper + optoro."""

    unit: RmaUnit
    amount_cents: int
    shopper_amount_cents: int
    optoro_amount_cents: int


@dataclass(frozen=True)
class ProposedLine:
    """The part of a proposal that is for one order line: units of a return, or units that are in
    no return. `calculation` is None where a person named the amount."""

    order_line: OrderLine
    shares: tuple[UnitShare, ...]
    calculation: LineCalculation | None
    unreturned_quantity: int = 0
    unreturned_amount_cents: int = 0

    @property
    def quantity(self) -> int:
        """How many units it refunds."""
        return len(self.shares) + self.unreturned_quantity

    @property
    def amount_cents(self) -> int:
        """What the units add up to."""
        return sum(share.amount_cents for share in self.shares) + self.unreturned_amount_cents


@dataclass(frozen=True)
class Proposal:
    """A refund that is to be decided on, for one order and paid from one order's payments: units
    of one RMA, units that are in no return, or goodwill."""

    rma: Rma | None
    order: Order
    paid_order: Order
    lines: tuple[ProposedLine, ...]
    destination: str
    recipient_email: str
    retained_amount_cents: int
    bonus_credit_amount_cents: int
    policy: Policy
    reason: str
    kind: RefundKind = RefundKind.GOODS
    goodwill_amount_cents: int = 0
    note: str = ""
    rma_identifier: str = ""
    needs_person: str = ""

    @property
    def total_refund_amount_cents(self) -> int:
        """What is reported to Optoro: the worth of the goods that came back, or the goodwill."""
        return self.goodwill_amount_cents + sum(line.amount_cents for line in self.lines)

    @property
    def optoro_amount_cents(self) -> int:
        """What is settled with Optoro."""
        return sum(s.optoro_amount_cents for line in self.lines for s in line.shares)

    @property
    def shopper_amount_cents(self) -> int:
        """What the shopper is paid."""
        return (
            self.total_refund_amount_cents - self.optoro_amount_cents - self.retained_amount_cents
        )
