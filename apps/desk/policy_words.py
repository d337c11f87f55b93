"""Refund policies in plain words: triggers, conditions, delays, and what two versions differ in.
Pure."""

from dataclasses import dataclass

from apps.desk.words import BAD, GOOD, INFO, NEUTRAL, RETURN_METHODS, WARN, Word
from apps.refunds.models import TenderOrder
from apps.refunds.policies import TRIGGER_FIELDS
from apps.refunds.policy_edits import EVERY_CONDITION, PolicyValues
from apps.refunds.trials import Outcome

SCAN, RECEIPT, MANUAL = "default", "receipt", "manual"
NO_CONDITION = "none"

_MOMENTS = {
    "mail_back_trigger": "at the carrier’s first scan",
    "express_returns_trigger": "at the drop-off",
    "home_pickup_trigger": "when it is picked up",
    "customer_keep_trigger": "as soon as the return is created",
}
_TENDER_ORDERS = {
    TenderOrder.GIFT_CARD_FIRST.value: "gift cards are paid back first, then the other payments",
    TenderOrder.GIFT_CARD_LAST.value: "gift cards are paid back last, after the other payments",
}
METHOD_NAMES = {name: RETURN_METHODS[method] for method, name in TRIGGER_FIELDS.items()}
OUTCOMES = {
    Outcome.AUTOMATIC: Word("Refunded automatically", GOOD),
    Outcome.APPROVAL: Word("Waits for approval", WARN),
    Outcome.WAIT: Word("Waits", INFO),
    Outcome.PERSON: Word("A person decides", BAD),
    Outcome.CLOSED: Word("Nothing happens", NEUTRAL),
    Outcome.DECIDED: Word("Decided already", NEUTRAL),
}


@dataclass(frozen=True)
class Said:
    """One line of a policy: what it is about, and what it says."""

    label: str
    text: str


@dataclass(frozen=True)
class Changed:
    """One line in which two versions differ."""

    label: str
    before: str
    after: str


def trigger_text(name: str, trigger: str) -> str:
    """Returns when a refund is made, for one of the trigger fields."""
    is_kept = name == "customer_keep_trigger"
    if trigger == MANUAL:
        return f"proposed {_MOMENTS[name]}; a person approves each refund"
    if trigger == RECEIPT and is_kept:
        return "waits for a receipt that never comes; a person decides each"
    if trigger == RECEIPT:
        return "when the warehouse has received it"
    return _MOMENTS[name]


def trigger_choices(name: str) -> list[tuple[str, str]]:
    """Returns what can be chosen for one of the trigger fields; goods that the shopper keeps are
    never received."""
    triggers = [SCAN, MANUAL] if name == "customer_keep_trigger" else [SCAN, RECEIPT, MANUAL]
    texts = [(trigger, trigger_text(name, trigger)) for trigger in triggers]
    return [(trigger, text[:1].upper() + text[1:]) for trigger, text in texts]


def delay_text(minutes: int) -> str:
    """Returns how long a payment waits after its decision."""
    if minutes == 0:
        return "at once after the decision"
    if minutes % 60:
        return f"{minutes:,} minutes after the decision"
    hours = minutes // 60
    return f"{hours:,} hour{'' if hours == 1 else 's'} after the decision"


def conditions_text(conditions: tuple[str, ...]) -> str:
    """Returns which conditions at receipt are refunded automatically."""
    if set(EVERY_CONDITION) <= set(conditions):
        return "any condition is refunded automatically"
    left = [word for word in EVERY_CONDITION if word not in conditions]
    if not conditions:
        return "once received, a person decides whatever the condition"
    return f"{_named(conditions)} refunded automatically; a person decides on {_named(left)}"


def _named(conditions: tuple[str, ...] | list[str]) -> str:
    words = [word or "no condition told" for word in conditions]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def tolerance_text(cents: int | None) -> str:
    """Returns how far Optoro's estimate may be from what was paid."""
    if cents is None:
        return "any difference between Optoro’s estimate and what was paid"
    if cents == 0:
        return "no difference to what was paid, save a rounding cent per unit"
    return f"up to {amount_text(cents)} per unit between Optoro’s estimate and what was paid"


def amount_text(cents: int) -> str:
    """Returns an amount without its currency: a policy counts for every currency."""
    return f"{cents // 100:,}.{cents % 100:02d}"


def said_by(values: PolicyValues) -> list[Said]:
    """Returns a policy in sentences, one per line."""
    lines = [
        Said(label, trigger_text(name, getattr(values, name)))
        for name, label in METHOD_NAMES.items()
    ]
    shipping = "its cost is kept back from the refund, once per return"
    return [
        *lines,
        Said("Payment", delay_text(values.payment_delay_minutes)),
        Said("Condition at receipt", conditions_text(values.automatic_conditions)),
        Said(
            "Return shipping", shipping if values.charges_return_shipping else "free for shoppers"
        ),
        Said("Tolerance", tolerance_text(values.tolerance_cents)),
        Said("Several payments", _TENDER_ORDERS[values.tender_order]),
    ]


def changes_between(before: PolicyValues, after: PolicyValues) -> list[Changed]:
    """Returns the lines in which two versions differ."""
    return [
        Changed(old.label, old.text, new.text)
        for old, new in zip(said_by(before), said_by(after), strict=True)
        if old.text != new.text
    ]
