"""What a person does about each kind of item, by when, and with which actions. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

from apps.accounts.models import Role
from apps.accounts.rules import Action
from apps.attention.models import Kind

WHAT_TO_DO: dict[str, str] = {
    Kind.ORDER_HEADER_DIFFERS: (
        "Compare the order with your order system. Refunds follow the lines; if the lines are "
        "wrong, send a corrected order."
    ),
    Kind.REFUND_NEEDS_DECISION: (
        "Look at the unit and the limit named here. Refund it here, or pay in your own systems and "
        "send the order again with that refund and its return: the desk takes it over, "
        "reports it to Optoro, and never pays that unit again. To leave it, dismiss this with a "
        "note."
    ),
    Kind.REFUND_DECLINED: (
        "Ask the shopper for another way to be paid, or pay by hand and note the reference."
    ),
    Kind.PAYMENT_UNKNOWN: (
        "The desk keeps asking the gateway with the same key. If it stays unknown, look the key up "
        "at the gateway and say here what became of it. It cannot be dismissed."
    ),
    Kind.SNAPSHOT_HELD: (
        "Mend the fields that Optoro names in the order at its source and send the order again. "
        "A lead can also resend the snapshot as it is."
    ),
    Kind.MESSAGE_QUARANTINED: (
        "Open the message, see why it could not be used, and replay it once the cause is gone."
    ),
    Kind.CONTRACT_DRIFT: (
        "Nothing is lost: the value is kept as it came. Ask Optoro what it means; until it is "
        "known, automation leaves the units concerned alone."
    ),
    Kind.PAID_BUT_CANCELED: (
        "Find out whether the goods came back. If not, ask the shopper or Optoro for the money."
    ),
    Kind.CONFIRMED_WITHOUT_REFUND: (
        "Look in your payment system for a refund made outside the desk, and report it with the "
        "order; otherwise ask Optoro why the RMA was closed."
    ),
    Kind.EXCHANGE_COLLISION: (
        "Optoro allows one exchange order per original order, and was given the first one's answer "
        "again. Compare both requests; ask the shopper which one is meant, and change the exchange "
        "order by hand where it is the second."
    ),
    Kind.EXCHANGE_NEEDS_LOOK: (
        "Compare the exchange order with what comes back for it before it ships."
    ),
    Kind.CHANGED_AFTER_REFUND: (
        "What was reported to Optoro cannot change any more. Compare what the shopper got with "
        "what Optoro says now, and settle the difference by hand."
    ),
    Kind.PAYMENT_BY_HAND: (
        "Make the payment in your own systems, then note here that it was made, with its "
        "reference; or that it cannot be made."
    ),
    Kind.PAYMENT_CONTRADICTED: (
        "Look the payment up at the gateway by its key. Where it was made, the shopper has the "
        "money although the desk had freed it: see that nobody pays it again."
    ),
    Kind.REFUND_WITHDRAWN: (
        "Look at why it was withdrawn before its payment began. Make a new refund if it is still "
        "owed."
    ),
    Kind.PAID_NOT_REPORTED: (
        "Look at the order's snapshot under Outbound, mend what holds it, and send it again."
    ),
    Kind.REPORTED_NOT_CONFIRMED: (
        "Ask Optoro about the return: it was told of the refund and has not closed it. Sending the "
        "snapshot again does no harm."
    ),
    Kind.CANCELLATION_WAITS: (
        "Cancel the return in Optoro's own portal: the desk cannot do that for you. Until Optoro "
        "confirms, nothing is refunded here. If it shall go on after all, withdraw the request."
    ),
    Kind.CONVERSION_WAITS: (
        "Turn the exchange into a refund in Optoro's own portal: the desk cannot do that for you. "
        "When Optoro tells of it, the refund is decided here. If the shopper exchanges after all, "
        "withdraw the request."
    ),
    Kind.SETTLEMENT_UNMATCHED: (
        "Compare the exchange order with the units that pay for it, and clear the difference with "
        "Optoro by its transaction id."
    ),
    Kind.PAYMENT_STUCK: (
        "The refund is approved and due, but nothing pays it. Where an error is named, have its "
        "cause mended first. Then queue it again: the same key is used, so that nothing can be "
        "paid twice."
    ),
    Kind.WAITS_FOR_APPROVAL: (
        "Approve the refund or cancel it; if neither is within your limit, ask somebody whose "
        "role reaches far enough."
    ),
    Kind.JOB_FAILS: (
        "The desk keeps trying. Have the error named here looked into: until the job works, "
        "nothing that follows from it happens."
    ),
    Kind.GIVEN_BACK_TWICE: (
        "Compare the refunds named here with what the order system gave back. Where the shopper "
        "got the same money twice, ask for it; then dismiss this with a note."
    ),
    Kind.ORDER_SHRANK: (
        "The order system has taken units off the order since they were refunded. Where it only "
        "followed the refund, dismiss this with a note; otherwise have the order corrected."
    ),
    Kind.GOODWILL_ABOVE_LIMIT: (
        "Look at the order's goodwill refunds, those made outside too. Cancel what is not paid "
        "yet, or dismiss this with a note."
    ),
    Kind.BOOKS_BROKEN: (
        "This must never happen. Compare the refund and its payments with the gateway by their "
        "keys before anything else is paid for the order, and have the desk's data looked into."
    ),
    Kind.REPORT_FAILED: (
        "Open the schedule and see what stopped it: its runs name the error and the remedy. Mend "
        "it, then try the run again. It closes by itself when a later run is sent."
    ),
    Kind.REPORT_EMPTY: (
        "Open the report with these filters. If rows are missing, mend the filters of the "
        "schedule; if there was nothing to report, dismiss this with a note. It closes by itself "
        "when a later run has rows."
    ),
    Kind.STATEMENT_NOT_PAID: (
        "Look each payment up at the gateway. Where it was made, say so at the payment and have "
        "the statement compared again: until then the desk may pay it once more. Otherwise explain "
        "the row. It closes by itself when no such row is open."
    ),
    Kind.STATEMENT_TWICE: (
        "Look at the gateway whether the shopper has the money twice, and ask for it back. Then "
        "explain the row with what came of it. It closes by itself when no such row is open."
    ),
}

# By when each kind should be dealt with, from when it was opened.
DUE_WITHIN: dict[str, timedelta] = {
    Kind.ORDER_HEADER_DIFFERS: timedelta(days=3),
    Kind.REFUND_NEEDS_DECISION: timedelta(days=2),
    Kind.REFUND_DECLINED: timedelta(days=1),
    Kind.PAYMENT_UNKNOWN: timedelta(hours=1),
    Kind.SNAPSHOT_HELD: timedelta(hours=4),
    Kind.MESSAGE_QUARANTINED: timedelta(hours=4),
    Kind.CONTRACT_DRIFT: timedelta(days=3),
    Kind.PAID_BUT_CANCELED: timedelta(days=2),
    Kind.CONFIRMED_WITHOUT_REFUND: timedelta(days=1),
    Kind.EXCHANGE_COLLISION: timedelta(days=1),
    Kind.EXCHANGE_NEEDS_LOOK: timedelta(days=1),
    Kind.CHANGED_AFTER_REFUND: timedelta(days=2),
    Kind.PAYMENT_BY_HAND: timedelta(days=1),
    Kind.PAYMENT_CONTRADICTED: timedelta(hours=4),
    Kind.REFUND_WITHDRAWN: timedelta(days=1),
    Kind.PAID_NOT_REPORTED: timedelta(hours=4),
    Kind.REPORTED_NOT_CONFIRMED: timedelta(days=2),
    Kind.CANCELLATION_WAITS: timedelta(days=1),
    Kind.CONVERSION_WAITS: timedelta(days=1),
    Kind.SETTLEMENT_UNMATCHED: timedelta(days=5),
    Kind.PAYMENT_STUCK: timedelta(hours=1),
    Kind.WAITS_FOR_APPROVAL: timedelta(days=1),
    Kind.JOB_FAILS: timedelta(hours=4),
    Kind.GIVEN_BACK_TWICE: timedelta(days=1),
    Kind.ORDER_SHRANK: timedelta(days=5),
    Kind.GOODWILL_ABOVE_LIMIT: timedelta(days=2),
    Kind.BOOKS_BROKEN: timedelta(hours=1),
    Kind.REPORT_FAILED: timedelta(days=1),
    Kind.REPORT_EMPTY: timedelta(days=2),
    Kind.STATEMENT_NOT_PAID: timedelta(hours=4),
    Kind.STATEMENT_TWICE: timedelta(days=1),
}

# These end only when their cause does: dismissed, they would be forgotten money.
ENDS_WITH_ITS_CAUSE = frozenset(
    {
        Kind.PAYMENT_UNKNOWN,
        Kind.PAYMENT_BY_HAND,
        Kind.CANCELLATION_WAITS,
        Kind.CONVERSION_WAITS,
        Kind.PAYMENT_STUCK,
        Kind.WAITS_FOR_APPROVAL,
        Kind.JOB_FAILS,
        Kind.STATEMENT_NOT_PAID,
        Kind.STATEMENT_TWICE,
    }
)


# About payments and settlement: finance works on these, too.
ABOUT_MONEY = frozenset(
    {
        Kind.REFUND_DECLINED,
        Kind.PAYMENT_UNKNOWN,
        Kind.PAYMENT_BY_HAND,
        Kind.PAYMENT_CONTRADICTED,
        Kind.PAYMENT_STUCK,
        Kind.PAID_BUT_CANCELED,
        Kind.SETTLEMENT_UNMATCHED,
        Kind.GIVEN_BACK_TWICE,
        Kind.BOOKS_BROKEN,
    }
)

# Dealt with by whoever may explain the rows of a statement.
ABOUT_STATEMENTS = frozenset({Kind.STATEMENT_NOT_PAID, Kind.STATEMENT_TWICE})

# What finance alone can mend.
ABOUT_REPORTS = frozenset({Kind.REPORT_FAILED, Kind.REPORT_EMPTY})

# Their subject is a refund's identifier.
ABOUT_A_REFUND = frozenset(
    {
        Kind.REFUND_DECLINED,
        Kind.PAYMENT_UNKNOWN,
        Kind.PAID_BUT_CANCELED,
        Kind.PAYMENT_BY_HAND,
        Kind.PAYMENT_CONTRADICTED,
        Kind.PAYMENT_STUCK,
        Kind.REFUND_WITHDRAWN,
        Kind.PAID_NOT_REPORTED,
        Kind.REPORTED_NOT_CONFIRMED,
        Kind.WAITS_FOR_APPROVAL,
    }
)


class Act(StrEnum):
    """What can be done about an item with one click, or where it is done."""

    ASK_GATEWAY = "ask-gateway"
    QUEUE_PAYMENT = "queue-payment"
    SEND_SNAPSHOT = "send-snapshot"
    LOOK_AGAIN = "look-again"
    SEE_PAYMENT = "see-payment"
    MAKE_REFUND = "make-refund"
    WITHDRAW_CANCELLATION = "withdraw-cancellation"
    SEE_MESSAGE = "see-message"
    SEE_REFUND = "see-refund"
    SEE_RETURN = "see-return"
    SEE_ORDER = "see-order"
    SEE_EXCHANGE = "see-exchange"
    SEE_SETTLEMENT = "see-settlement"
    SEE_SCHEDULE = "see-schedule"
    SEE_STATEMENT = "see-statement"


ACTS: dict[str, tuple[Act, ...]] = {
    Kind.ORDER_HEADER_DIFFERS: (Act.SEE_ORDER,),
    Kind.REFUND_NEEDS_DECISION: (Act.MAKE_REFUND, Act.LOOK_AGAIN),
    Kind.REFUND_DECLINED: (Act.MAKE_REFUND, Act.LOOK_AGAIN),
    Kind.PAYMENT_UNKNOWN: (Act.ASK_GATEWAY, Act.SEE_PAYMENT),
    Kind.SNAPSHOT_HELD: (Act.SEND_SNAPSHOT, Act.SEE_ORDER),
    Kind.MESSAGE_QUARANTINED: (Act.SEE_MESSAGE,),
    Kind.CONTRACT_DRIFT: (Act.SEE_RETURN,),
    Kind.PAID_BUT_CANCELED: (Act.SEE_REFUND,),
    Kind.CONFIRMED_WITHOUT_REFUND: (Act.MAKE_REFUND, Act.LOOK_AGAIN),
    Kind.EXCHANGE_COLLISION: (Act.SEE_EXCHANGE,),
    Kind.EXCHANGE_NEEDS_LOOK: (Act.SEE_EXCHANGE,),
    Kind.CHANGED_AFTER_REFUND: (Act.SEE_RETURN,),
    Kind.PAYMENT_BY_HAND: (Act.SEE_PAYMENT,),
    Kind.PAYMENT_CONTRADICTED: (Act.SEE_PAYMENT,),
    Kind.REFUND_WITHDRAWN: (Act.SEE_REFUND,),
    Kind.PAID_NOT_REPORTED: (Act.SEND_SNAPSHOT, Act.SEE_REFUND),
    Kind.REPORTED_NOT_CONFIRMED: (Act.SEND_SNAPSHOT, Act.SEE_REFUND),
    Kind.CANCELLATION_WAITS: (Act.WITHDRAW_CANCELLATION,),
    Kind.CONVERSION_WAITS: (Act.SEE_RETURN,),
    Kind.SETTLEMENT_UNMATCHED: (Act.SEE_SETTLEMENT,),
    Kind.PAYMENT_STUCK: (Act.QUEUE_PAYMENT, Act.SEE_REFUND),
    Kind.WAITS_FOR_APPROVAL: (Act.SEE_REFUND,),
    Kind.JOB_FAILS: (Act.SEE_ORDER, Act.SEE_RETURN),
    Kind.GIVEN_BACK_TWICE: (Act.SEE_ORDER,),
    Kind.ORDER_SHRANK: (Act.SEE_ORDER,),
    Kind.GOODWILL_ABOVE_LIMIT: (Act.SEE_ORDER,),
    Kind.BOOKS_BROKEN: (Act.SEE_ORDER,),
    Kind.REPORT_FAILED: (Act.SEE_SCHEDULE,),
    Kind.REPORT_EMPTY: (Act.SEE_SCHEDULE,),
    Kind.STATEMENT_NOT_PAID: (Act.SEE_STATEMENT,),
    Kind.STATEMENT_TWICE: (Act.SEE_STATEMENT,),
}

# What is done at once; the others only lead to where it is done.
DONE_AT_ONCE = frozenset({Act.ASK_GATEWAY, Act.QUEUE_PAYMENT, Act.SEND_SNAPSHOT, Act.LOOK_AGAIN})

_TAKES_OVER = frozenset({Role.LEAD, Role.ADMINISTRATOR})


def due_at(kind: str, opened_at: datetime) -> datetime:
    """Returns by when an item of this kind, opened then, should be dealt with."""
    return opened_at + DUE_WITHIN[kind]


def needs(act: Act, kind: str) -> Action:
    """Returns the right that a person needs to do it about an item of this kind. To ask a gateway
    moves no money, so whoever may work on the item may ask."""
    if act == Act.SEND_SNAPSHOT:
        return Action.REPLAY_MESSAGE
    return resolving(kind) if act == Act.ASK_GATEWAY else Action.RESOLVE_ATTENTION


def resolving(kind: str) -> Action:
    """Returns the right that a person needs to take, give back and dismiss items of this kind."""
    if kind in ABOUT_REPORTS:
        return Action.EDIT_SCHEDULES
    if kind in ABOUT_STATEMENTS:
        return Action.RECONCILE_STATEMENTS
    return Action.RESOLVE_MONEY if kind in ABOUT_MONEY else Action.RESOLVE_ATTENTION


def with_one_more(detail: str, more: str, *, subject: str) -> str:
    """Returns the detail of an item that names several things of one kind, one a line and newest
    first, under a line that counts them. What it says of `subject` so far is replaced."""
    before = detail.splitlines()
    if before and before[0].endswith(_COUNTED):
        before = before[1:]
    lines = [" ".join(more.split()), *(line for line in before if f" {subject}:" not in line)]
    return lines[0] if len(lines) == 1 else "\n".join([f"{len(lines)}{_COUNTED}", *lines])


_COUNTED = " times, newest first:"


def may_take_over(role: str) -> bool:
    """Tells whether a person of `role` may take an item from somebody else, or put it back."""
    return role in _TAKES_OVER
