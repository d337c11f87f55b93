"""What the form of a new refund shows, and amounts as people write them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from babel.numbers import get_currency_precision
from django.db.models import Count

from apps.common import clock
from apps.common.money import show
from apps.desk.words import payment_name
from apps.orders.models import Order, OrderLine
from apps.orders.rules import shipped_amount_cents
from apps.refunds.limits import LineRoom, unit_limit_cents
from apps.refunds.models import Destination, Refund, RefundKind, RefundRequest, RefundUnit
from apps.refunds.refundable import (
    Refundable,
    RefundableLine,
    ReturnedUnit,
    dues_cents,
    refundable_of,
)
from apps.refunds.requests import Preview
from apps.refunds.rules import LIVE_STATUSES
from apps.refunds.tenders import Tender
from apps.refunds.types import Proposal, ProposedLine
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma
from apps.rmas.queries import rmas_of_order, units_naming

# Whole numbers, with or without commas between thousands, and a fraction after a point.
_AMOUNT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,11})(?:\.(\d+))?", re.ASCII)
MOST_CENTS = 10**13
MOST_PREFILLED = 12
TWIN_WITHIN = timedelta(minutes=15)


class NotAnAmount(ValueError):
    """A text is not an amount; the error says what to write instead."""


def cents_from(text: str, precision: int = 2) -> int:
    """Returns an amount as people write it, such as `1,234.50`, in cents: exactly, as digits.

    `precision` is how many decimals the currency has. Raises NotAnAmount where the text is anything
    else, or has more decimals than that.
    """
    example = "1234.50" if precision == 2 else f"1234{'.5'.ljust(precision + 1, '0')}"
    if precision == 0:
        example = "1234"
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise NotAnAmount(f"Write an amount such as {example}, with a point and without a sign.")
    fraction = found[2] or ""
    if len(fraction) > precision:
        decimals = f"{precision} decimals" if precision else "no decimals"
        raise NotAnAmount(f"This currency has {decimals}: write an amount such as {example}.")
    cents = int(found[1].replace(",", "") + fraction.ljust(precision, "0"))
    if cents > MOST_CENTS:
        raise NotAnAmount("That is more than any refund: check the amount.")
    return cents


def written(amount_cents: int, precision: int = 2) -> str:
    """Returns an amount in cents as a field shows it, such as `1234.50`: what `cents_from` reads
    back."""
    if not precision:
        return str(amount_cents)
    digits = str(amount_cents).rjust(precision + 1, "0")
    return f"{digits[:-precision]}.{digits[-precision:]}"


def precision_of(currency: str) -> int:
    """Returns how many decimals amounts of a currency have: none in yen."""
    return get_currency_precision(currency)


@dataclass(frozen=True)
class HeldUnits:
    """How many units of a line are in a return and not refunded."""

    rma_identifier: str
    count: int


@dataclass(frozen=True)
class ChoiceLine:
    """A line that can be chosen: how many units are left, what they are worth together, and why
    not more. `units` are those of the return that is chosen; without one, `dues_cents` is what is
    due for 1, 2, ... units, where there are few."""

    line: OrderLine
    quantity: int
    due_cents: int
    why_not_more: tuple[str, ...]
    in_returns: tuple[HeldUnits, ...]
    units: tuple[ReturnedUnit, ...] = ()
    dues_cents: tuple[int, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What can be chosen for a new refund, and the returns whose units can be refunded instead."""

    found: Refundable
    lines: tuple[ChoiceLine, ...]
    returns: tuple[Rma, ...]

    @property
    def currency(self) -> str:
        """The order's currency, in which amounts are written."""
        return self.found.order.currency

    @property
    def goods_room_cents(self) -> int:
        """What can still be refunded for goods: no more than the units that are left cost, and no
        more than can go back to the payments."""
        goods = sum(goods_left_cents(line.line, line.room) for line in self.found.lines)
        return min(goods, self.found.order_room_cents, self.found.cash_room_cents)

    @property
    def goodwill_room_cents(self) -> int:
        """What can still be given as goodwill: never more than can go back to the payments."""
        return min(self.found.goodwill_room_cents, self.found.cash_room_cents)

    @property
    def is_goodwill_bound_by_payments(self) -> bool:
        """Whether less can go back to the payments than is allowed as goodwill."""
        return self.found.cash_room_cents < self.found.goodwill_room_cents

    @property
    def reserved_cents(self) -> int:
        """What refunds that wait for approval hold of the payments: which of them pays it is
        decided when they are approved."""
        rooms = sum(tender.room_cents for tender in self.found.tenders)
        return max(0, rooms - self.found.cash_room_cents)

    @property
    def usual_email(self) -> str:
        """Who gets a gift card where nobody else is named."""
        rma = self.found.rma
        if rma and rma.gift_refund_only:
            return rma.giftee_email
        return self.found.order.customer_email


def goods_left_cents(line: OrderLine, room: LineRoom) -> int:
    """Returns what of a line can still be refunded, in cents: nothing without a unit left."""
    return min(room.amount_cents, unit_limit_cents(line, room.units))


def choice_of(order: Order, rma: Rma | None) -> Choice:
    """Reads what can be chosen on an order: units of `rma`, or units in no return."""
    found = refundable_of(order, rma)
    held = _held_units(order)
    lines = tuple(_choice_line(line, rma, held.get(line.line.pk, ())) for line in found.lines)
    returns = rmas_of_order(order).exclude(status=rma_rules.CANCELED)
    return Choice(found, lines, tuple(returns))


def rma_for(order: Order, identifier: str) -> Rma | None:
    """Returns the return of an order that has this identifier, if there is one."""
    return rmas_of_order(order).filter(rma_identifier=identifier).first()


def _choice_line(found: RefundableLine, rma: Rma | None, held: tuple[HeldUnits, ...]) -> ChoiceLine:
    others = tuple(h for h in held if rma is None or h.rma_identifier != rma.rma_identifier)
    return ChoiceLine(
        line=found.line,
        quantity=len(found.units) if rma else found.unreturned_quantity,
        due_cents=found.due_cents,
        why_not_more=tuple(_why_not_more(found)),
        in_returns=others,
        units=found.returned,
        dues_cents=() if rma else dues_cents(found, most=MOST_PREFILLED),
    )


def _why_not_more(found: RefundableLine) -> Iterable[str]:
    line = found.line
    refunded = max(found.room.refunded_units, line.quantity_refunded)
    if refunded:
        yield f"{refunded} refunded or under way"
    not_shipped = line.quantity - line.quantity_canceled - line.quantity_shipped
    if not_shipped > 0:
        yield f"{not_shipped} not shipped"
    if line.quantity_canceled:
        yield f"{line.quantity_canceled} canceled"


def _held_units(order: Order) -> dict[int, tuple[HeldUnits, ...]]:
    """By line key, the units that are in returns and in no live refund; in one query for all."""
    units = units_naming(order).filter(is_withdrawn=False)
    units = units.exclude(rma__status=rma_rules.CANCELED)
    live = RefundUnit.objects.filter(is_live=True, rma_unit__in=units).values("rma_unit")
    rows = (
        units.exclude(pk__in=live)
        .order_by("rma__rma_identifier")
        .values("order_line", "order_line_item_identifier", "rma__rma_identifier")
        .annotate(count=Count("pk"))
    )
    names = {line.identifier: line.pk for line in order.lines.all()}
    counts: dict[tuple[int, str], int] = {}
    for row in rows:
        key = row["order_line"] or names.get(row["order_line_item_identifier"], 0)
        where = (key, row["rma__rma_identifier"])
        counts[where] = counts.get(where, 0) + row["count"]
    found: dict[int, tuple[HeldUnits, ...]] = {}
    for (key, name), count in counts.items():
        found[key] = (*found.get(key, ()), HeldUnits(name, count))
    return found


def name_made_with(store_id: int, key: str) -> str:
    """Returns the identifier of the refund that a confirmation with this key made, or ""."""
    rows = RefundRequest.objects.filter(store_id=store_id, origin="desk", key=key)
    return rows.values_list("refund__identifier", flat=True).first() or ""


@dataclass(frozen=True)
class Twin:
    """A refund that the same person made of the same amount a moment ago."""

    refund: Refund
    ago: str


def twin_of(proposal: Proposal, user_id: int) -> Twin | None:
    """Returns the newest refund of this order that this person made of the same amount in the last
    15 minutes, if it can still be, or is, paid: the proposal would be another one."""
    now = clock.now()
    rows = Refund.objects.filter(
        order=proposal.order,
        author=user_id,
        status__in=LIVE_STATUSES,
        total_refund_amount_cents=proposal.total_refund_amount_cents,
        created_at__gte=now - TWIN_WITHIN,
    )
    found = rows.order_by("-created_at", "-pk").first()
    if found is None:
        return None
    seconds = max(0, int((now - found.created_at).total_seconds()))
    count, noun = (seconds, "second") if seconds < 60 else (seconds // 60, "minute")
    return Twin(found, f"{count} {noun}{'' if count == 1 else 's'} ago")


def parts_of_units(choice: Choice, proposal: Proposal) -> list[ProposedLine]:
    """Returns the lines of which less is refunded than their units cost, though more is left: the
    whole units count as refunded all the same."""
    rooms = {found.line.pk: found.room for found in choice.found.lines}
    return [
        line
        for line in proposal.lines
        if line.calculation is None
        and line.amount_cents < least_paid_cents(line.order_line, line.quantity)
        and line.amount_cents < rooms[line.order_line.pk].amount_cents
    ]


def least_paid_cents(line: OrderLine, quantity: int) -> int:
    """Returns what as many shipped units of a line cost at least, in cents."""
    return shipped_amount_cents(line) * quantity // max(1, line.quantity_shipped)


def sentence_of(preview: Preview) -> str:
    """Returns a refund in one sentence: how much, back to which payment or onto what, of whom."""
    proposal = preview.proposal
    order, currency = proposal.paid_order, proposal.order.currency
    if proposal.destination == Destination.STORE_CREDIT:
        return "Pay nothing: it goes out as a gift card with the exchange order."
    if not preview.portions:
        return "Pay nothing: the whole of it is settled with Optoro."
    if proposal.destination == Destination.GIFT_CARD:
        amount = show(proposal.shopper_amount_cents, currency)
        return (
            f"Pay {amount} onto a new gift card for {proposal.recipient_email}, "
            f"order {proposal.order.identifier}."
        )
    parts = " and ".join(
        f"{show(part.amount_cents, currency)} back to the {payment_of(part.tender)}"
        for part in preview.portions
    )
    whose = order.customer_name or order.customer_email
    return f"Pay {parts}{f' of {whose}' if whose else ''}, order {order.identifier}."


def payment_of(tender: Tender) -> str:
    """Names a payment for people, such as `credit card T-1`."""
    return f"{payment_name(tender.name) or 'payment'} {tender.identifier}".strip()


def told_to_optoro(preview: Preview) -> str:
    """Returns, in words, what Optoro is told once the refund is paid."""
    proposal = preview.proposal
    amount = show(proposal.total_refund_amount_cents, proposal.order.currency)
    if proposal.kind == RefundKind.GOODWILL:
        return f"{amount} of goodwill, marked so that it counts for no return."
    units = sum(line.quantity for line in proposal.lines)
    what = f"{amount} refunded for {units} unit{'' if units == 1 else 's'}"
    if proposal.rma:
        return f"{what} of return {proposal.rma.rma_identifier}, which it then closes or counts on."
    return f"{what}, in no return."


@dataclass(frozen=True)
class Stays:
    """What is left after a refund, in cents of its currency: of the goods or of goodwill, and of
    what may be decided alone (None: no limit)."""

    left_cents: int
    alone_left_cents: int | None


def what_stays(choice: Choice, preview: Preview) -> Stays:
    """Returns what is left once a refund is made."""
    proposal, limit = preview.proposal, preview.limit_cents
    total = proposal.total_refund_amount_cents
    alone = None if limit is None else max(0, limit - preview.alone_cents - total)
    if proposal.kind == RefundKind.GOODWILL:
        return Stays(max(0, choice.goodwill_room_cents - total), alone)
    found = choice.found
    taken = {line.order_line.pk: line for line in proposal.lines}
    goods = sum(_left_after(one.line, one.room, taken.get(one.line.pk)) for one in found.lines)
    cash = found.cash_room_cents - proposal.shopper_amount_cents
    return Stays(max(0, min(goods, found.order_room_cents - total, cash)), alone)


def _left_after(line: OrderLine, room: LineRoom, taken: ProposedLine | None) -> int:
    """What of a line is left: a unit that is refunded in part is refunded."""
    if taken is None:
        return goods_left_cents(line, room)
    left = replace(
        room,
        amount_cents=max(0, room.amount_cents - taken.amount_cents),
        units=max(0, room.units - taken.quantity),
    )
    return goods_left_cents(line, left)
