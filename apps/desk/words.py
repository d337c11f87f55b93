"""Plain words and a tone for every status, kind and step that the screens show.

Optoro's own words stay visible beside the plain ones: they are what people quote to Optoro.
A tone is never the only sign: every pill has its text.
"""

import re
from dataclasses import dataclass

from apps.catalog.models import VariantImport
from apps.inbox.models import DeliveryState
from apps.outbox.models import JobState, Outcome
from apps.refunds.models import PayoutStatus, RefundStatus

NEUTRAL, INFO, GOOD, WARN, BAD = "neutral", "info", "good", "warn", "bad"


@dataclass(frozen=True)
class Word:
    """How a value is shown: a label, a tone, and the value itself where it is Optoro's."""

    label: str
    tone: str = NEUTRAL
    original: str = ""


# Optoro's words and the order systems'. The label is left empty where the word says it itself.
_WIRE: dict[str, dict[str, tuple[str, str]]] = {
    "rma": {
        "PENDING_EXCHANGE": ("Waits for exchange order", WARN),
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
    "outcome": {**dict(Outcome.choices), Outcome.RETRY: "Did not work"},
}


def word_for(kind: str, value: str) -> Word:
    """Returns how `value` of `kind` is shown; a value nobody knows is shown as it came."""
    if kind in _LABELS:
        return Word(_LABELS[kind].get(value, value), _TONES[kind].get(value, NEUTRAL))
    if value not in _WIRE[kind]:
        return Word("Not in the contract", WARN, value) if value else Word("—")
    label, tone = _WIRE[kind][value]
    return Word(label or value, tone, value if label else "")


RETURN_METHODS = {
    "mail-back": "Mail-back",
    "express-returns": "Express drop-off",
    "home-pickup": "Home pickup",
    "customer-keep": "Shopper keeps it",
}

# What the fields in timeline differences are called.
_FIELD_NAMES = {
    "package_tracking_status": "parcel",
    "receiving_status": "receiving",
    "tracking_number": "tracking number",
    "is_withdrawn": "withdrawn from the RMA",
    "estimated_refund_amount_cents": "estimated refund",
    "shopper_refund_amount_cents": "shopper's part",
    "optoro_refund_amount_cents": "Optoro's part",
    "total_amount_cents": "order total",
}


_UNIT = re.compile(r"^unit (.*)#(\d+)")


def field_name(path: str) -> str:
    """Returns the name of a changed field for people: `unit 7#1 receiving_status` becomes
    `line 7, unit 1: receiving`."""
    unit = _UNIT.match(path)
    if unit:
        rest = path[unit.end() :].strip()
        head = f"line {unit[1]}, unit {unit[2]}"
        return f"{head}: {_FIELD_NAMES.get(rest, rest.replace('_', ' '))}" if rest else head
    head, _, last = path.rpartition(" ")
    plain = _FIELD_NAMES.get(last, last.removesuffix("_cents").replace("_", " "))
    return f"{head} {plain}".strip()
