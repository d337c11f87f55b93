"""Plain words and a tone for every status, kind and step that the screens show.

Optoro's own words stay visible beside the plain ones: they are what people quote to Optoro.
A tone is never the only sign: every pill has its text.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.utils import timezone
from django.utils.formats import date_format

from apps.catalog.models import VariantImport
from apps.common import clock
from apps.inbox.models import DeliveryState
from apps.outbox.models import JobState, Outcome
from apps.payments.gateways import MANUAL
from apps.refunds.models import Destination, Payout, PayoutStatus, Refund, RefundStatus, Source
from apps.reports.models import Export, ScheduleRun
from apps.rmas import rules as rma_rules
from apps.statements.models import StatementState

NEUTRAL, INFO, GOOD, WARN, BAD = "neutral", "info", "good", "warn", "bad"


@dataclass(frozen=True)
class Word:
    """How a value is shown: a label, a tone, and the value itself where it is Optoro's."""

    label: str
    tone: str = NEUTRAL
    original: str = ""


# Optoro's words and the order systems'. The label is left empty where the word says it itself: it
# is written as words are, not in capitals.
WIRE: dict[str, dict[str, tuple[str, str]]] = {
    "rma": {
        "PENDING_EXCHANGE": ("Waits for exchange", WARN),
        "CREATED": ("Open", INFO),
        "PARTIAL_REFUND": ("Partly refunded", WARN),
        "REFUNDED": ("", GOOD),
        "CANCELED": ("", NEUTRAL),
    },
    "tracking": {
        "": ("No scan yet", NEUTRAL),
        "PRE_TRANSIT": ("Label made", NEUTRAL),
        "ACCEPTED": ("Handed over", INFO),
        "TRANSIT": ("In transit", INFO),
        "DELIVERED": ("", GOOD),
        "RETURNED": ("Went back to shopper", BAD),
        "FAILURE": ("Parcel failed", BAD),
        "NOT_DROPPED_OFF": ("Not dropped off", BAD),
    },
    "receiving": {
        "PENDING": ("Not received yet", NEUTRAL),
        "RECEIVED": ("", GOOD),
        "NOT_RECEIVED": ("Did not arrive", BAD),
    },
    "order": {
        "Created": ("", NEUTRAL),
        "Shipped": ("", GOOD),
        "Canceled": ("", NEUTRAL),
    },
    "refund_type": {
        "REFUND": ("", NEUTRAL),
        "STANDARD_EXCHANGE": ("Exchange", INFO),
        "INSTANT_EXCHANGE": ("Instant exchange", INFO),
        "UNEVEN_EXCHANGE": ("Uneven exchange", INFO),
        "INSTANT_STORE_CREDIT": ("Instant store credit", INFO),
    },
}

_TONES: dict[str, dict[str, str]] = {
    "refund": {
        RefundStatus.PROPOSED: WARN,
        RefundStatus.APPROVED: INFO,
        RefundStatus.PAYING: INFO,
        RefundStatus.PAID: GOOD,
        RefundStatus.DECLINED: BAD,
        RefundStatus.UNKNOWN: BAD,
        RefundStatus.CANCELED: NEUTRAL,
    },
    "payout": {
        PayoutStatus.CREATED: NEUTRAL,
        PayoutStatus.CALLING: INFO,
        PayoutStatus.PENDING: INFO,
        PayoutStatus.PAID: GOOD,
        PayoutStatus.DECLINED: BAD,
        PayoutStatus.UNKNOWN: BAD,
        PayoutStatus.CANCELED: NEUTRAL,
    },
    "delivery": {
        DeliveryState.RECEIVED: INFO,
        DeliveryState.PROCESSED: GOOD,
        DeliveryState.QUARANTINED: BAD,
        DeliveryState.FAILED: WARN,
        DeliveryState.REFUSED: WARN,
    },
    "exchange": {"placed": INFO, "shipped": GOOD, "canceled": NEUTRAL},
    "job": {
        JobState.WAITING: INFO,
        JobState.IN_FLIGHT: INFO,
        JobState.DONE: GOOD,
        JobState.HELD: BAD,
    },
    "import": {
        VariantImport.State.WAITING: INFO,
        VariantImport.State.RUNNING: INFO,
        VariantImport.State.DONE: GOOD,
        VariantImport.State.CANCELED: NEUTRAL,
    },
    "export": {
        Export.State.WAITING: INFO,
        Export.State.READING: INFO,
        Export.State.FINISHING: INFO,
        Export.State.DONE: GOOD,
        Export.State.CANCELED: NEUTRAL,
        Export.State.FAILED: BAD,
        Export.State.EXPIRED: NEUTRAL,
    },
    "run": {
        ScheduleRun.State.WAITING: INFO,
        ScheduleRun.State.EXPORTING: INFO,
        ScheduleRun.State.MAILING: INFO,
        ScheduleRun.State.SENT: GOOD,
        ScheduleRun.State.EMPTY: WARN,
        ScheduleRun.State.FAILED: BAD,
    },
    "schedule": {"active": GOOD, "paused": WARN, "removed": NEUTRAL},
    "statement": {
        StatementState.UPLOADED: WARN,
        StatementState.WAITING: INFO,
        StatementState.READING: INFO,
        StatementState.MATCHING: INFO,
        StatementState.DONE: GOOD,
        StatementState.SET_ASIDE: NEUTRAL,
    },
    "outcome": {
        Outcome.RUNNING: INFO,
        Outcome.DONE: GOOD,
        Outcome.RETRY: WARN,
        Outcome.HELD: BAD,
        Outcome.LEASE_EXPIRED: WARN,
    },
}
_LABELS: dict[str, dict[str, str]] = {
    "refund": dict(RefundStatus.choices),
    "payout": dict(PayoutStatus.choices),
    "delivery": {
        **dict(DeliveryState.choices),
        DeliveryState.FAILED: "Failed",
        DeliveryState.REFUSED: "Refused",
    },
    "exchange": {"placed": "To be shipped", "shipped": "Shipped", "canceled": "Canceled"},
    "job": dict(JobState.choices),
    "import": dict(VariantImport.State.choices),
    "export": dict(Export.State.choices),
    "run": dict(ScheduleRun.State.choices),
    "schedule": {"active": "Active", "paused": "Paused", "removed": "Deleted"},
    "statement": dict(StatementState.choices),
    "outcome": {**dict(Outcome.choices), Outcome.RETRY: "Did not work"},
}


def word_for(kind: str, value: str) -> Word:
    """Returns how `value` of `kind` is shown; a value nobody knows is shown as it came."""
    if kind in _LABELS:
        return Word(_LABELS[kind].get(value, value), _TONES[kind].get(value, NEUTRAL))
    if value not in WIRE[kind]:
        return Word("Not in the contract", WARN, value) if value else Word("—")
    label, tone = WIRE[kind][value]
    return Word(label or value.capitalize(), tone, value if label else "")


def in_words(kind: str, value: str) -> str:
    """Returns `value` of `kind` as a filter offers it: in plain words, or as it came where there
    are none."""
    return word_for(kind, value).label if value in WIRE[kind] else value


def pays_money(refund: Refund) -> bool:
    """Tells whether money moves for a refund: not for a settled exchange, of which the shopper is
    owed nothing, nor for store credit, which goes out with the exchange order."""
    return refund.shopper_amount_cents > 0 and refund.destination != Destination.STORE_CREDIT


def paid_word(refund: Refund) -> str:
    """Returns what it is called when a refund has been paid: `Paid` only where money moved."""
    if pays_money(refund):
        return "Paid"
    return "Store credit" if refund.destination == Destination.STORE_CREDIT else "Settled"


def refund_word(refund: Refund) -> Word:
    """Returns how a refund's status is shown, wherever it is shown."""
    word = word_for("refund", refund.status)
    return Word(paid_word(refund), GOOD) if refund.status == RefundStatus.PAID else word


def payout_word(payout: Payout) -> Word:
    """Returns how a payout's status is shown; one that a person has to make says so."""
    if payout.status == PayoutStatus.PENDING and payout.gateway == MANUAL:
        return Word("To be paid by hand", WARN)
    return word_for("payout", payout.status)


def payment_name(name: str) -> str:
    """Returns what a kind of payment is called: `gift_card` becomes `gift card`; nothing where the
    order system does not tell."""
    return name.replace("_", " ").strip()


def is_put_off(refund: Refund) -> bool:
    """Tells whether an approved refund waits for the end of its policy's delay, or of its hold."""
    due_at = refund.payment_due_at
    return refund.status == RefundStatus.APPROVED and due_at is not None and due_at > clock.now()


def wait_name(refund: Refund, minutes: int) -> str:
    """Returns what keeps a refund from being paid at once: the policy's delay where automation made
    it, else the hold of `minutes` in which it can be taken back."""
    if refund.source == Source.AUTOMATIC:
        return "policy delay"
    return f"{minutes:,}-minute hold"


def until_then(refund: Refund) -> str:
    """Returns what can still be done while a refund waits to be paid."""
    done = "canceled" if refund.source == Source.AUTOMATIC else "taken back"
    return f"can be {done} until then"


def wait_minutes(refund: Refund) -> int:
    """Returns how long an approved refund waits before it is paid, in minutes."""
    if refund.payment_due_at is None or refund.approved_at is None:
        return 0
    return round((refund.payment_due_at - refund.approved_at).total_seconds() / 60)


def wait_text(refund: Refund) -> str:
    """Returns why an approved refund is put off, and what can be done meanwhile, such as
    `(10-minute hold); can be taken back until then`."""
    return f"({wait_name(refund, wait_minutes(refund))}); {until_then(refund)}"


def local_text(moment: datetime) -> str:
    """Returns a moment on the store's clock; the year where it is not this one."""
    local = timezone.localtime(moment)
    now = timezone.localtime(clock.now())
    day = f"{local:%b} {local.day}"
    if local.year != now.year:
        return f"{day}, {local.year}, {local:%H:%M}"
    return f"{day}, {local:%H:%M}"


def clock_text(moment: datetime) -> str:
    """Returns the time alone where it is today."""
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localtime(clock.now()).date()
    return f"{local:%H:%M}" if is_today else local_text(moment)


_AFTER_APPROVAL = {
    RefundStatus.APPROVED: "Already approved, not paid yet.",
    RefundStatus.PAYING: "Already approved; its payment is at the gateway now.",
    RefundStatus.UNKNOWN: "Already approved; whether it was paid is unknown yet.",
    RefundStatus.DECLINED: "Already approved, but the gateway declined the payment.",
    RefundStatus.CANCELED: "Too late to approve: it is canceled.",
}
_AFTER_CANCELING = {
    RefundStatus.PAYING: "Too late to cancel: its payment is at the gateway now.",
    RefundStatus.UNKNOWN: "Too late to cancel: it may have been paid.",
    RefundStatus.DECLINED: "Nothing to cancel: the gateway declined the payment.",
    RefundStatus.CANCELED: "Already canceled.",
}


def too_late(refund: Refund, target: RefundStatus) -> tuple[str, bool]:
    """Returns, in words, why a refund cannot be approved or canceled any more (`target`), and
    whether that is because it was done before."""
    status, paid = RefundStatus(refund.status), "paid" if pays_money(refund) else "settled"
    if target == RefundStatus.CANCELED:
        text = _AFTER_CANCELING.get(status, f"Too late to cancel: it is {paid} already.")
        return text, status == RefundStatus.CANCELED
    if is_put_off(refund) and refund.payment_due_at:
        return f"Already approved; it will be {paid} at {clock_text(refund.payment_due_at)}.", True
    text = _AFTER_APPROVAL.get(status, f"Already approved and {paid}.")
    return text, status not in (RefundStatus.CANCELED, RefundStatus.DECLINED)


_KINDS = {
    rma_rules.REFUND: "Refund",
    **dict.fromkeys(rma_rules.EXCHANGES, "Exchange"),
    rma_rules.INSTANT_STORE_CREDIT: "Store credit",
}
REFUND_TYPES = {
    rma_rules.REFUND: "Refund",
    rma_rules.STANDARD_EXCHANGE: "Exchange",
    rma_rules.INSTANT_EXCHANGE: "Instant exchange",
    rma_rules.UNEVEN_EXCHANGE: "Uneven exchange",
    rma_rules.INSTANT_STORE_CREDIT: "Instant store credit",
}


def kind_of(refund_types: Iterable[str]) -> str:
    """Returns what a return of units of these types is, in a word."""
    kinds = {_KINDS.get(value, "Unknown") for value in refund_types}
    return "Mixed" if len(kinds) > 1 else next(iter(kinds), "")


RETURN_METHODS = {
    "mail-back": "Mail-back",
    "express-returns": "Express drop-off",
    "home-pickup": "Home pickup",
    "customer-keep": "Shopper keeps it",
}

_A_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def day_in_words(text: str) -> str:
    """Returns a day that stands as in addresses and files as people read it, `Jan 31, 2026`; any
    other text as it is."""
    if not _A_DAY.fullmatch(text):
        return text
    try:
        return date_format(date.fromisoformat(text), "M j, Y")
    except ValueError:
        return text


_SOME_UNITS = re.compile(r"(\d[\d,]*)( shipped)? unit\(s\)")


def counted(text: str) -> str:
    """Returns what the domain says to people and machines alike as one says it: `1 unit`, `2
    shipped units`, where it has `1 unit(s)`."""
    return _SOME_UNITS.sub(
        lambda found: f"{found[1]}{found[2] or ''} unit{'' if found[1] == '1' else 's'}", text
    )
