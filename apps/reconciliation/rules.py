"""Differences between what the desk, the gateways and Optoro hold to be true of money. Pure.

A difference is normal within its time; after that a person must be on it; and some must never be.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from apps.attention.models import Kind as AttentionKind


class DifferenceKind(StrEnum):
    """What is different."""

    PAID_NOT_REPORTED = "paid_not_reported"
    NO_SNAPSHOT_JOB = "no_snapshot_job"
    REPORTED_NOT_CONFIRMED = "reported_not_confirmed"
    CONFIRMED_WITHOUT_REFUND = "confirmed_without_refund"
    LIVE_ON_CANCELED_RMA = "live_on_canceled_rma"
    SETTLEMENT = "settlement"
    PAYMENT_UNKNOWN = "payment_unknown"
    PAYMENT_UNDECIDED = "payment_undecided"
    PAYMENT_BY_HAND = "payment_by_hand"
    PAYMENT_STUCK = "payment_stuck"
    WAITS_FOR_APPROVAL = "waits_for_approval"
    JOB_FAILS = "job_fails"
    CANCELLATION_WAITS = "cancellation_waits"
    GIVEN_BACK_TWICE = "given_back_twice"
    LINE_GIVEN_BACK_TWICE = "line_given_back_twice"
    ORDER_SHRANK = "order_shrank"
    GOODWILL_ABOVE_LIMIT = "goodwill_above_limit"
    REFUND_DECLINED = "refund_declined"
    REFUND_WITHDRAWN = "refund_withdrawn"
    CHANGED_AFTER_REFUND = "changed_after_refund"
    PAYMENT_CONTRADICTED = "payment_contradicted"
    PAYOUTS_DO_NOT_ADD_UP = "payouts_do_not_add_up"
    PAID_THOUGH_ENDED = "paid_though_ended"
    MORE_THAN_CAPTURED = "more_than_captured"
    PAYMENT_OVERDRAWN = "payment_overdrawn"
    LINE_OVERDRAWN = "line_overdrawn"
    UNIT_TWICE = "unit_twice"
    LIVE_UNITS_OF_ENDED_REFUND = "live_units_of_ended_refund"
    PAYOUT_WITHOUT_ATTEMPT = "payout_without_attempt"
    FOREIGN_KEY = "foreign_key"
    FOREIGN_STORE = "foreign_store"
    EXCHANGE_STATUS_DIFFERS = "exchange_status_differs"
    LINES_DO_NOT_ADD_UP = "lines_do_not_add_up"
    NOT_BOOKED = "not_booked"
    BOOKED_THOUGH_ENDED = "booked_though_ended"
    LEDGER_DIFFERS = "ledger_differs"


LABELS: dict[DifferenceKind, str] = {
    DifferenceKind.PAID_NOT_REPORTED: "Paid, but not reported to Optoro",
    DifferenceKind.NO_SNAPSHOT_JOB: "Paid, not reported, and nothing is going to report it",
    DifferenceKind.REPORTED_NOT_CONFIRMED: "Reported, but not confirmed by Optoro",
    DifferenceKind.CONFIRMED_WITHOUT_REFUND: "Optoro says refunded, the desk did not",
    DifferenceKind.LIVE_ON_CANCELED_RMA: "Refunded, but the RMA is canceled",
    DifferenceKind.SETTLEMENT: "A settlement does not match an exchange order",
    DifferenceKind.PAYMENT_UNKNOWN: "Unknown whether the payment happened",
    DifferenceKind.PAYMENT_UNDECIDED: "The gateway has not decided on the payment yet",
    DifferenceKind.PAYMENT_BY_HAND: "The payment waits for a person to make it",
    DifferenceKind.PAYMENT_STUCK: "Due, but nothing pays it",
    DifferenceKind.WAITS_FOR_APPROVAL: "A refund waits for approval",
    DifferenceKind.JOB_FAILS: "A job fails again and again",
    DifferenceKind.CANCELLATION_WAITS: "A cancellation waits for Optoro",
    DifferenceKind.GIVEN_BACK_TWICE: "More given back, here and outside, than was captured",
    DifferenceKind.LINE_GIVEN_BACK_TWICE: "A line refunded, here and outside, above what it cost",
    DifferenceKind.ORDER_SHRANK: "The order shrank below what was refunded of it",
    DifferenceKind.GOODWILL_ABOVE_LIMIT: "More goodwill than is allowed",
    DifferenceKind.REFUND_DECLINED: "Owed, but the payment was declined",
    DifferenceKind.REFUND_WITHDRAWN: "Asked for, but withdrawn before it was paid",
    DifferenceKind.CHANGED_AFTER_REFUND: "Refunded, and told otherwise by Optoro since",
    DifferenceKind.PAYMENT_CONTRADICTED: "The gateway contradicts what was written down",
    DifferenceKind.PAYOUTS_DO_NOT_ADD_UP: "The payments are not what the shopper is owed",
    DifferenceKind.PAID_THOUGH_ENDED: "Paid, though the refund is declined or canceled",
    DifferenceKind.MORE_THAN_CAPTURED: "More paid than was captured",
    DifferenceKind.PAYMENT_OVERDRAWN: "More paid back to one payment than it captured",
    DifferenceKind.LINE_OVERDRAWN: "A line refunded above what its shipped units cost",
    DifferenceKind.UNIT_TWICE: "A unit in two live refunds",
    DifferenceKind.LIVE_UNITS_OF_ENDED_REFUND: "Live units in a declined or canceled refund",
    DifferenceKind.PAYOUT_WITHOUT_ATTEMPT: "A payment without any attempt",
    DifferenceKind.FOREIGN_KEY: "An attempt with another key than its payment's",
    DifferenceKind.FOREIGN_STORE: "A payment of another store than its refund",
    DifferenceKind.EXCHANGE_STATUS_DIFFERS: "An exchange order in another status than its order",
    DifferenceKind.LINES_DO_NOT_ADD_UP: "The lines are not the refund's total",
    DifferenceKind.NOT_BOOKED: "Not in the ledger",
    DifferenceKind.BOOKED_THOUGH_ENDED: "Ended, but still in the ledger as owed",
    DifferenceKind.LEDGER_DIFFERS: "The ledger adds up to something else",
}

# Which exception is open for which difference, so that somebody is on it.
EXCEPTION_OF: dict[DifferenceKind, AttentionKind] = {
    DifferenceKind.PAID_NOT_REPORTED: AttentionKind.PAID_NOT_REPORTED,
    DifferenceKind.NO_SNAPSHOT_JOB: AttentionKind.PAID_NOT_REPORTED,
    DifferenceKind.REPORTED_NOT_CONFIRMED: AttentionKind.REPORTED_NOT_CONFIRMED,
    DifferenceKind.CONFIRMED_WITHOUT_REFUND: AttentionKind.CONFIRMED_WITHOUT_REFUND,
    DifferenceKind.LIVE_ON_CANCELED_RMA: AttentionKind.PAID_BUT_CANCELED,
    DifferenceKind.SETTLEMENT: AttentionKind.SETTLEMENT_UNMATCHED,
    DifferenceKind.PAYMENT_UNKNOWN: AttentionKind.PAYMENT_UNKNOWN,
    DifferenceKind.PAYMENT_UNDECIDED: AttentionKind.PAYMENT_UNKNOWN,
    DifferenceKind.PAYMENT_BY_HAND: AttentionKind.PAYMENT_BY_HAND,
    DifferenceKind.PAYMENT_STUCK: AttentionKind.PAYMENT_STUCK,
    DifferenceKind.WAITS_FOR_APPROVAL: AttentionKind.WAITS_FOR_APPROVAL,
    DifferenceKind.JOB_FAILS: AttentionKind.JOB_FAILS,
    DifferenceKind.CANCELLATION_WAITS: AttentionKind.CANCELLATION_WAITS,
    DifferenceKind.GIVEN_BACK_TWICE: AttentionKind.GIVEN_BACK_TWICE,
    DifferenceKind.LINE_GIVEN_BACK_TWICE: AttentionKind.GIVEN_BACK_TWICE,
    DifferenceKind.ORDER_SHRANK: AttentionKind.ORDER_SHRANK,
    DifferenceKind.GOODWILL_ABOVE_LIMIT: AttentionKind.GOODWILL_ABOVE_LIMIT,
    DifferenceKind.REFUND_DECLINED: AttentionKind.REFUND_DECLINED,
    DifferenceKind.REFUND_WITHDRAWN: AttentionKind.REFUND_WITHDRAWN,
    DifferenceKind.CHANGED_AFTER_REFUND: AttentionKind.CHANGED_AFTER_REFUND,
    DifferenceKind.PAYMENT_CONTRADICTED: AttentionKind.PAYMENT_CONTRADICTED,
}
# Found by those who decide and pay, and known by their exception alone.
KNOWN_BY_EXCEPTION = {
    kind.value: kind
    for kind in (
        DifferenceKind.REFUND_DECLINED,
        DifferenceKind.REFUND_WITHDRAWN,
        DifferenceKind.CHANGED_AFTER_REFUND,
        DifferenceKind.PAYMENT_CONTRADICTED,
    )
}
# Every other kind must never be, and is in the books.
MUST_NEVER_BE = frozenset(DifferenceKind) - set(EXCEPTION_OF)

# Exceptions that only the reconciler opens: it renews their figures, and closes them.
OPENED_HERE = frozenset(
    {
        AttentionKind.PAID_NOT_REPORTED,
        AttentionKind.REPORTED_NOT_CONFIRMED,
        AttentionKind.SETTLEMENT_UNMATCHED,
        AttentionKind.PAYMENT_STUCK,
        AttentionKind.WAITS_FOR_APPROVAL,
        AttentionKind.JOB_FAILS,
        AttentionKind.GIVEN_BACK_TWICE,
        AttentionKind.ORDER_SHRANK,
        AttentionKind.GOODWILL_ABOVE_LIMIT,
        AttentionKind.BOOKS_BROKEN,
    }
)
# Exceptions that end with a state the reconciler reads: it closes those whose cause is gone, too.
CLOSED_HERE = OPENED_HERE | {
    AttentionKind.PAYMENT_UNKNOWN,
    AttentionKind.PAYMENT_BY_HAND,
    AttentionKind.CANCELLATION_WAITS,
}


class Judgment(StrEnum):
    """What a difference means. WRONG is what an operator must be woken for."""

    IN_TIME = "in_time"
    FOR_A_PERSON = "for_a_person"
    WRONG = "wrong"


JUDGMENT_LABELS = {
    Judgment.IN_TIME: "in time",
    Judgment.FOR_A_PERSON: "for a person",
    Judgment.WRONG: "wrong",
}


@dataclass(frozen=True)
class Found:
    """A difference as it was read. `within` is how long it is normal, None not at all;
    `explanation` holds the figures and nothing that changes with time alone."""

    kind: DifferenceKind
    subject: str
    since_at: datetime
    explanation: str
    currency: str = ""
    amount_cents: int = 0
    order_identifier: str = ""
    rma_identifier: str = ""
    refund_identifier: str = ""
    within: timedelta | None = None

    @property
    def exception(self) -> AttentionKind:
        """The kind of exception that a person finds it by."""
        return EXCEPTION_OF.get(self.kind, AttentionKind.BOOKS_BROKEN)

    @property
    def exception_subject(self) -> str:
        """What the exception is about: exceptions of broken books say what is broken, too."""
        if self.kind in MUST_NEVER_BE:
            return f"{self.kind.value}: {self.subject}"[:255]
        return self.subject[:255]

    def is_overdue(self, now: datetime) -> bool:
        """Tells whether it is older than its time."""
        return self.within is None or now - self.since_at >= self.within


@dataclass(frozen=True)
class Handling:
    """What people have done about a difference: its exception is open, or was dismissed."""

    is_open: bool
    is_late: bool
    detail: str
    closed_at: datetime | None
    note: str


@dataclass(frozen=True)
class Difference:
    """A difference with its verdict. `age` is since when it is there, `note` what a person wrote
    who dismissed it."""

    kind: DifferenceKind
    subject: str
    order_identifier: str
    rma_identifier: str
    refund_identifier: str
    currency: str
    amount_cents: int
    since_at: datetime
    age: timedelta
    explanation: str
    verdict: Judgment
    note: str = ""


def is_dismissed(found: Found, handling: Handling | None) -> bool:
    """Tells whether a person has dismissed just this: the same figures, for what is opened here;
    for what its own code opens again with news, anything dismissed since it is there."""
    if handling is None or handling.is_open:
        return False
    if found.exception in OPENED_HERE:
        return handling.detail == found.explanation
    return handling.closed_at is not None and handling.closed_at >= found.since_at


def judge(found: Found, handling: Handling | None, now: datetime) -> Judgment:
    """Returns what a difference means at `now`, given what people have done about it."""
    if found.kind in MUST_NEVER_BE:
        return Judgment.WRONG
    if handling and handling.is_open:
        return Judgment.WRONG if handling.is_late else Judgment.FOR_A_PERSON
    if is_dismissed(found, handling):
        return Judgment.FOR_A_PERSON
    return Judgment.WRONG if found.is_overdue(now) else Judgment.IN_TIME


def difference(found: Found, handling: Handling | None, now: datetime) -> Difference:
    """Returns a difference with its age and verdict."""
    return Difference(
        kind=found.kind,
        subject=found.subject,
        order_identifier=found.order_identifier,
        rma_identifier=found.rma_identifier,
        refund_identifier=found.refund_identifier,
        currency=found.currency,
        amount_cents=found.amount_cents,
        since_at=found.since_at,
        age=max(now - found.since_at, timedelta()),
        explanation=found.explanation,
        verdict=judge(found, handling, now),
        note=handling.note if handling and is_dismissed(found, handling) else "",
    )


def one_per_exception(found: Iterable[Found]) -> Mapping[tuple[AttentionKind, str], Found]:
    """Returns the differences by the exception they belong to; of several for one, the first."""
    by_exception: dict[tuple[AttentionKind, str], Found] = {}
    for one in found:
        by_exception.setdefault((one.exception, one.exception_subject), one)
    return by_exception


def age_in_words(age: timedelta) -> str:
    """Returns `1 second`, `50 seconds`, `3 hours`, `47 hours`, `2 days`: whole units, days from two
    on."""
    for name, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(age.total_seconds() // seconds)
        if count >= (2 if name == "day" else 1):
            return f"{count} {name}{'' if count == 1 else 's'}"
    count = int(age.total_seconds())
    return f"{count} second{'' if count == 1 else 's'}"
