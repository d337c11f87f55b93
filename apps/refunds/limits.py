"""How much can still be refunded. Ask only while the order's lock is held: another refund could
be decided between the question and its use."""

from dataclasses import dataclass

from django.db.models import QuerySet, Sum

from apps.common import money
from apps.orders import queries as orders
from apps.orders.models import Order, OrderLine
from apps.orders.rules import shipped_amount_cents
from apps.refunds.models import Destination, Refund, RefundLine, Source
from apps.refunds.rules import LIVE_STATUSES
from apps.refunds.types import UnitShare


@dataclass(frozen=True)
class LineRoom:
    """What is left of a line: cents and units. Either may be zero, never below."""

    amount_cents: int
    units: int


def line_room(line: OrderLine) -> LineRoom:
    """Returns what of a line's shipped units is not refunded, in any live refund of any source.

    Where the source says more units are refunded than the desk knows of, it is believed.
    """
    amount_cents, units = _spent(line)
    return LineRoom(
        amount_cents=max(0, shipped_amount_cents(line) - amount_cents),
        units=max(0, line.quantity_shipped - max(units, line.quantity_refunded)),
    )


def _spent(line: OrderLine) -> tuple[int, int]:
    spent = RefundLine.objects.filter(order_line=line, refund__status__in=LIVE_STATUSES).aggregate(
        amount=Sum("amount_cents"), units=Sum("quantity")
    )
    return spent["amount"] or 0, spent["units"] or 0


def overdrawn(line: OrderLine, currency: str) -> str:
    """Returns, in words, that more of a line is refunded than was paid for it, or ""."""
    amount_cents, units = _spent(line)
    paid_cents = shipped_amount_cents(line)
    if amount_cents <= paid_cents and units <= line.quantity_shipped:
        return ""
    return (
        f"line {line.identifier}: {money.show(amount_cents, currency)} for {units} unit(s) is "
        f"refunded or under way, but {money.show(paid_cents, currency)} was paid for "
        f"{line.quantity_shipped} shipped"
    )


def order_room_cents(order: Order) -> int:
    """Returns what of the whole order is not refunded: refunds made outside without lines count
    here, where no line can tell."""
    worth = sum(shipped_amount_cents(line) for line in order.lines.all())
    worth += order.shipping_amount_cents + order.shipping_tax_amount_cents
    spent = Refund.objects.filter(order=order, status__in=LIVE_STATUSES).aggregate(
        total=Sum("total_refund_amount_cents")
    )["total"]
    return max(0, worth - (spent or 0))


def cash_room_cents(order: Order) -> int:
    """Returns what of the order's captured payment has not gone back to it.

    Outside the desk, the refunds that the source reports and the refund transactions that it lists
    may be the same ones: the larger sum of the two counts. A listed transaction that carries an
    identifier of ours is our own refund, mirrored.
    """
    live = Refund.objects.filter(
        paid_order=order, destination=Destination.ORIGINAL_PAYMENT, status__in=LIVE_STATUSES
    )
    external = live.filter(source=Source.EXTERNAL)
    own = live.exclude(source=Source.EXTERNAL)
    outside = max(
        _shopper_cents(external),
        orders.returned_by_transactions_cents(order, ours=_identifiers(own)),
    )
    return max(0, orders.captured_amount_cents(order) - _shopper_cents(own) - outside)


def _shopper_cents(refunds: QuerySet[Refund]) -> int:
    return refunds.aggregate(total=Sum("shopper_amount_cents"))["total"] or 0


def _identifiers(refunds: QuerySet[Refund]) -> set[str]:
    rows = refunds.values_list(
        "identifier", "payouts__gateway_reference", "payouts__idempotency_key"
    )
    return {str(name) for row in rows for name in row if name}


def fit_shares(shares: list[UnitShare], room: LineRoom) -> list[UnitShare]:
    """Returns the shares made to fit the room of their line, or [] where they cannot.

    Estimates may differ from the unit's true share by a rounding cent each; that much is taken off
    the shopper's part (flows.md: the limit is the line's, not the unit's). Anything more is a
    difference that a person must look at.
    """
    if not shares or len(shares) > room.units:
        return []
    excess = sum(share.amount_cents for share in shares) - room.amount_cents
    if excess <= 0:
        return shares
    if excess > len(shares) or any(s.shopper_amount_cents < 1 for s in shares[:excess]):
        return []
    return [
        UnitShare(s.unit, s.amount_cents - 1, s.shopper_amount_cents - 1, s.optoro_amount_cents)
        if n < excess
        else s
        for n, s in enumerate(shares)
    ]


def why_not(line: OrderLine, shares: list[UnitShare], room: LineRoom, currency: str) -> str:
    """Returns, in words, which limit of a line the shares go against."""
    if len(shares) > room.units:
        return (
            f"line {line.identifier}: {len(shares)} unit(s) to refund, but only {room.units} of "
            f"{line.quantity_shipped} shipped are not refunded yet"
        )
    wanted = money.show(sum(share.amount_cents for share in shares), currency)
    left = money.show(room.amount_cents, currency)
    return f"line {line.identifier}: {wanted} to refund, but only {left} of what was paid is left"
