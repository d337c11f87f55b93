"""Which of an order's payments a refund goes back to. An order that was paid in several ways is
paid back in several parts, gift cards first or last as the policy says, and none of them ever gets
more than was captured on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db.models import Sum

from apps.common import money
from apps.common.errors import Refused
from apps.orders import queries as orders
from apps.orders.models import Order
from apps.refunds import limits
from apps.refunds.models import Payout, PayoutStatus, Refund, TenderOrder

# Parts of the names that order systems give to payments with gift cards and store credit.
_GIFT_CARD_NAMES = ("giftcard", "storecredit")


@dataclass(frozen=True)
class Tender:
    """One payment of an order, and what of it has not gone back yet (cents). The identifier is
    empty where the order system tells no payments."""

    identifier: str
    name: str
    room_cents: int

    @property
    def is_gift_card(self) -> bool:
        """Whether it was paid with a gift card or with store credit."""
        letters = "".join(letter for letter in self.name.lower() if letter.isalpha())
        return any(name in letters for name in _GIFT_CARD_NAMES)


@dataclass(frozen=True)
class Portion:
    """The part of a refund that goes back to one payment."""

    tender: Tender
    amount_cents: int


def split(
    amount_cents: int, tenders: Iterable[Tender], *, tender_order: str, currency: str
) -> list[Portion]:
    """Returns which payment gets how much of `amount_cents`; the parts add up to it exactly.

    Raises Refused where the payments together have no room for it.
    """
    portions = []
    left = amount_cents
    for tender in in_order(tenders, tender_order):
        part = min(left, tender.room_cents)
        if part > 0:
            portions.append(Portion(tender, part))
            left -= part
    if left:
        raise Refused(
            f"{money.show(amount_cents, currency)} to pay back, but the order's payments have room "
            f"for only {money.show(amount_cents - left, currency)}"
        )
    return portions


def in_order(tenders: Iterable[Tender], tender_order: str) -> list[Tender]:
    """Returns the payments in the order in which they are paid back: as they were told, but gift
    cards first or last."""
    is_first = tender_order == TenderOrder.GIFT_CARD_FIRST
    return sorted(tenders, key=lambda tender: tender.is_gift_card != is_first)


def tenders_of(order: Order, *, tender_order: str, excluding: Refund | None = None) -> list[Tender]:
    """Returns an order's payments with what is left of each. Ask only under the order's lock.

    What was paid back to the order without saying to which payment (refunds made outside, payouts
    from before payments were told) is taken off them in the order in which they are paid back.
    """
    captures = orders.captures_of(order)
    if not captures:
        return [Tender("", "", limits.cash_room_cents(order, excluding=excluding))]
    paid_out = _paid_out_cents(order, excluding)
    ours = limits.own_names(order, excluding=excluding)
    returned = orders.returned_to_captures_cents(captures, order=order, ours=ours)
    outside_cents = limits.returned_outside_cents(order, excluding=excluding)
    names = {capture.identifier for capture in captures}
    unassigned = outside_cents - sum(returned.values())
    unassigned += sum(cents for name, cents in paid_out.items() if name not in names)
    tenders = []
    for capture in captures:
        name = capture.identifier
        room = capture.amount_cents - paid_out.get(name, 0) - returned.get(name, 0)
        unassigned -= min(room, 0)
        tenders.append(Tender(name, capture.gateway, max(room, 0)))
    return _without(unassigned, in_order(tenders, tender_order))


def _paid_out_cents(order: Order, excluding: Refund | None) -> dict[str, int]:
    """What the desk's own payouts hold, by the payment they go back to."""
    rows = Payout.objects.filter(
        refund__paid_order=order, refund__destination__in=limits.PAID_OUT
    ).exclude(status__in=[PayoutStatus.DECLINED, PayoutStatus.CANCELED])
    if excluding:
        rows = rows.exclude(refund=excluding)
    sums = rows.values_list("transaction_identifier").annotate(total=Sum("amount_cents"))
    return dict(sums.order_by())


def _without(cents: int, tenders: Sequence[Tender]) -> list[Tender]:
    left = []
    for tender in tenders:
        taken = min(max(cents, 0), tender.room_cents)
        cents -= taken
        left.append(replace(tender, room_cents=tender.room_cents - taken))
    return left
