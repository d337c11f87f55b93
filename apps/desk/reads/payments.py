"""How a refund is about to be paid: which payments get how much as of now, through a gateway or by
a person's hand, and what follows from a decision, in words."""

from collections.abc import Iterable

from apps.common.errors import Refused
from apps.common.money import show
from apps.desk.words import clock_text, is_put_off, pays_money, wait_text
from apps.payments.gateways import MANUAL, gateway_for
from apps.refunds.models import Destination, Refund
from apps.refunds.policies import policies_of
from apps.refunds.tenders import Portion, Tender, split, tenders_of
from apps.stores.models import Store
from apps.stores.queries import connection_of

BY_HAND = "A person pays it by hand and says so."
PARTLY_BY_HAND = "A person pays a part of it by hand and says so."


def portions_of(refund: Refund) -> tuple[Portion, ...]:
    """Returns which payments would get how much (cents) of a refund that is approved now; nothing
    where no money moves or the payments have no room. Read without a lock: for showing only."""
    if not pays_money(refund):
        return ()
    cents = refund.shopper_amount_cents
    if refund.destination == Destination.GIFT_CARD:
        return (Portion(Tender("", Destination.GIFT_CARD, cents), cents),)
    tender_order = policies_of(refund).policy.tender_order
    tenders = tenders_of(refund.paid_order, tender_order=tender_order, excluding=refund)
    try:
        return tuple(split(cents, tenders, tender_order=tender_order, currency=refund.currency))
    except Refused:
        return ()


def hand_note(store: Store, portions: Iterable[Portion]) -> str:
    """Returns, in words, that a person has to pay these parts by hand, or some of them, or ""."""
    connection = connection_of(store)
    return _hand_note(
        gateway_for(
            payment_gateway=connection.payment_gateway,
            gift_card_gateway=connection.gift_card_gateway,
            is_gift_card=portion.tender.is_gift_card,
        )
        for portion in portions
    )


def _hand_note(gateways: Iterable[str]) -> str:
    names = set(gateways)
    if MANUAL not in names:
        return ""
    return BY_HAND if names == {MANUAL} else PARTLY_BY_HAND


def what_follows(refund: Refund, done: str) -> str:
    """Tells what an approved refund leads to, after `done` (`Made`, `Approved`)."""
    if not pays_money(refund) and not is_put_off(refund):
        return f"{done} and settled: no money is paid for it."
    note = _hand_note(refund.payouts.values_list("gateway", flat=True))
    more = f" {note}" if note else ""
    if is_put_off(refund) and refund.payment_due_at:
        due = f"{clock_text(refund.payment_due_at)} {wait_text(refund)}"
        if note == BY_HAND:
            return f"{done}. A person pays it by hand and says so, from {due}."
        does = "paid" if pays_money(refund) else "settled"
        return f"{done}. Will be {does} at {due}.{more}"
    amount = show(refund.shopper_amount_cents, refund.currency)
    if note == BY_HAND:
        return f"{done}. A person pays {amount} by hand and says so."
    return f"{done}. {amount} will be paid by the next free worker.{more}"
