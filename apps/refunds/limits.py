"""How much can still be refunded. Ask only while the order's lock is held: another refund could
be decided between the question and its use."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet, Sum

from apps.common import money
from apps.orders import queries as orders
from apps.orders.models import Order, OrderLine
from apps.orders.rules import shipped_amount_cents
from apps.refunds.calculation import LineCalculation, calculate_line
from apps.refunds.models import Destination, Refund, RefundKind, RefundLine, Source
from apps.refunds.rules import LIVE_STATUSES
from apps.refunds.types import UnitShare
from apps.rmas.models import Rma

# Where money goes out: what was captured caps both together. Store credit went out with an exchange
# order, and is none of it.
PAID_OUT = (Destination.ORIGINAL_PAYMENT, Destination.GIFT_CARD)


@dataclass(frozen=True)
class LineRoom:
    """What is left of a line, cents and units, either may be zero, never below; and what is
    refunded before."""

    amount_cents: int
    units: int
    refunded_cents: int
    refunded_units: int


def unit_limit_cents(line: OrderLine, quantity: int) -> int:
    """Returns the most that `quantity` units of a line can be refunded with: what as many shipped
    ones cost, rounded up."""
    if not line.quantity_shipped:
        return 0
    return -(-shipped_amount_cents(line) * quantity // line.quantity_shipped)


@dataclass(frozen=True)
class Wanted:
    """What a refund wants of one line."""

    order_line: OrderLine
    quantity: int
    amount_cents: int


def why_beyond(
    *,
    order: Order,
    paid_order: Order,
    wanted: Sequence[Wanted],
    shopper_amount_cents: int,
    destination: str,
    excluding: Refund | None = None,
) -> str:
    """Returns, in words, the limit that a refund of goods goes against, or "".

    Goods per line and per order, cash per payment (flows.md, "How much"). `excluding` is a refund
    whose own reservation is left out, to ask whether it is still covered.
    """
    if other := _why_other_currency(order, paid_order):
        return other
    for want in wanted:
        room = line_room(want.order_line, excluding=excluding)
        if want.quantity > room.units or want.amount_cents > room.amount_cents:
            return why_beyond_line(want, room, order.currency)
    total_cents = sum(want.amount_cents for want in wanted)
    order_cents = order_room_cents(order, excluding=excluding)
    if total_cents > order_cents:
        return (
            f"{money.show(total_cents, order.currency)} to refund, but only "
            f"{money.show(order_cents, order.currency)} of order {order.identifier} is not "
            "refunded yet"
        )
    return _why_beyond_cash(paid_order, order, shopper_amount_cents, destination, excluding)


def why_beyond_goodwill(
    *,
    order: Order,
    paid_order: Order,
    amount_cents: int,
    limit_cents: int,
    destination: str,
    excluding: Refund | None = None,
) -> str:
    """Returns, in words, the limit that a goodwill refund goes against, or "": its own one per
    order, `limit_cents`, over all goodwill of every source, and the cash of the payment."""
    if other := _why_other_currency(order, paid_order):
        return other
    room_cents = goodwill_room_cents(
        order, paid_order, limit_cents=limit_cents, excluding=excluding
    )
    if amount_cents > room_cents:
        return (
            f"{money.show(amount_cents, order.currency)} of goodwill, but only "
            f"{money.show(room_cents, order.currency)} of the "
            f"{money.show(limit_cents, order.currency)} allowed for order {order.identifier} is "
            "left"
        )
    return _why_beyond_cash(paid_order, order, amount_cents, destination, excluding)


def _why_other_currency(order: Order, paid_order: Order) -> str:
    if paid_order.currency == order.currency:
        return ""
    return (
        f"order {order.identifier} is in {order.currency}, but the payment of order "
        f"{paid_order.identifier} is in {paid_order.currency}"
    )


def _why_beyond_cash(
    paid_order: Order,
    order: Order,
    shopper_amount_cents: int,
    destination: str,
    excluding: Refund | None,
) -> str:
    if destination not in PAID_OUT:
        return ""
    cash_cents = cash_room_cents(paid_order, excluding=excluding)
    if shopper_amount_cents <= cash_cents:
        return ""
    return (
        f"{money.show(shopper_amount_cents, order.currency)} to pay, but only "
        f"{money.show(cash_cents, order.currency)} of what was captured on order "
        f"{paid_order.identifier} has not gone back yet"
    )


def line_room(line: OrderLine, *, excluding: Refund | None = None) -> LineRoom:
    """Returns what of a line's shipped units is not refunded, in any live refund of any source.

    Where the source says more units are refunded than the desk knows of, it is believed.
    """
    return _room_of(line, *_spent(line, excluding))


def line_rooms(lines: Sequence[OrderLine]) -> dict[int, LineRoom]:
    """Returns, by line key, what `line_room` says of each, in one query for all."""
    rows = RefundLine.objects.filter(
        order_line__in=lines, refund__in=_live(None), refund__kind=RefundKind.GOODS
    )
    sums = rows.order_by().values_list("order_line").annotate(Sum("amount_cents"), Sum("quantity"))
    spent = {line_id: (cents, units) for line_id, cents, units in sums}
    return {line.pk: _room_of(line, *spent.get(line.pk, (0, 0))) for line in lines}


def _room_of(line: OrderLine, amount_cents: int, units: int) -> LineRoom:
    return LineRoom(
        amount_cents=max(0, shipped_amount_cents(line) - amount_cents),
        units=max(0, line.quantity_shipped - max(units, line.quantity_refunded)),
        refunded_cents=amount_cents,
        refunded_units=units,
    )


def _live(excluding: Refund | None) -> QuerySet[Refund]:
    live = Refund.objects.filter(status__in=LIVE_STATUSES)
    return live.exclude(pk=excluding.pk) if excluding else live


def _spent(line: OrderLine, excluding: Refund | None = None) -> tuple[int, int]:
    rows = RefundLine.objects.filter(
        order_line=line, refund__in=_live(excluding), refund__kind=RefundKind.GOODS
    )
    spent = rows.aggregate(amount=Sum("amount_cents"), units=Sum("quantity"))
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


def order_room_cents(
    order: Order, *, excluding: Refund | None = None, lines: Iterable[OrderLine] | None = None
) -> int:
    """Returns what of the whole order is not refunded: refunds made outside without lines count
    here, where no line can tell. `lines` are the order's, where they are read already."""
    rows = orders.lines_of(order) if lines is None else lines
    worth = sum(shipped_amount_cents(line) for line in rows)
    worth += order.shipping_amount_cents + order.shipping_tax_amount_cents
    spent = (
        _live(excluding)
        .filter(order=order, kind=RefundKind.GOODS)
        .aggregate(total=Sum("total_refund_amount_cents"))["total"]
    )
    return max(0, worth - (spent or 0))


def goodwill_room_cents(
    order: Order, paid_order: Order, *, limit_cents: int, excluding: Refund | None = None
) -> int:
    """Returns what of an order's limit for goodwill is left, in cents. Exchange orders have none of
    their own: goodwill counts by the order that took the payment."""
    given = _live(excluding).filter(
        Q(order=order) | Q(paid_order=paid_order), kind=RefundKind.GOODWILL
    )
    spent = given.aggregate(total=Sum("total_refund_amount_cents"))["total"] or 0
    return max(0, limit_cents - spent)


def retained_before_cents(rma: Rma) -> int:
    """Returns what an RMA's live refunds keep back for return shipping, in cents."""
    kept = _live(None).filter(rma=rma).aggregate(total=Sum("retained_amount_cents"))
    return kept["total"] or 0


def noted_bonus_cents(rma: Rma) -> int:
    """Returns the bonus credit that is noted on an RMA's live refunds, in cents."""
    noted = _live(None).filter(rma=rma).aggregate(total=Sum("bonus_credit_amount_cents"))
    return noted["total"] or 0


@dataclass(frozen=True)
class _PaidBack:
    """What live refunds pay back to a payment, in cents: the desk's own and those of others; and
    every name under which a source may mirror one of the desk's own."""

    own_cents: int
    external_cents: int
    own_names: set[str]


def cash_room_cents(order: Order, *, excluding: Refund | None = None) -> int:
    """Returns what of the order's captured payment has not gone back to it.

    Outside the desk, the refunds that the source reports and the refund transactions that it lists
    may be the same ones: the larger sum of the two counts. A listed transaction that carries an
    identifier of ours is our own refund, mirrored.
    """
    paid_back = _paid_back(order, excluding)
    gone_cents = paid_back.own_cents + _outside_cents(order, paid_back)
    return max(0, orders.captured_amount_cents(order) - gone_cents)


def returned_outside_cents(order: Order, *, excluding: Refund | None = None) -> int:
    """Returns what others than the desk have paid back to an order's payment, in cents."""
    return _outside_cents(order, _paid_back(order, excluding))


def own_names(order: Order, *, excluding: Refund | None = None) -> set[str]:
    """Returns every name under which a source may mirror a refund of the desk's own."""
    return _paid_back(order, excluding).own_names


def _outside_cents(order: Order, paid_back: _PaidBack) -> int:
    told = orders.returned_by_transactions_cents(order, ours=paid_back.own_names)
    return max(paid_back.external_cents, told)


def _paid_back(order: Order, excluding: Refund | None) -> _PaidBack:
    refunds = _live(excluding).filter(paid_order=order, destination__in=PAID_OUT)
    rows = refunds.values_list(
        "pk",
        "source",
        "shopper_amount_cents",
        "identifier",
        "payouts__gateway_reference",
        "payouts__idempotency_key",
    )
    # A refund of several payments comes once for each of them.
    own: dict[int, int] = {}
    external: dict[int, int] = {}
    names: set[str] = set()
    for pk, source, cents, *identifiers in rows:
        if source == Source.EXTERNAL:
            external[pk] = cents
        else:
            own[pk] = cents
            names |= {str(name) for name in identifiers if name}
    return _PaidBack(sum(own.values()), sum(external.values()), names)


def calculate(
    line: OrderLine, shares: Sequence[UnitShare], room: LineRoom, tolerance_cents: int | None
) -> LineCalculation:
    """Returns the figures that decide on units of a line, given its room."""
    return calculate_line(
        line=line,
        estimates=[(share.shopper_amount_cents, share.optoro_amount_cents) for share in shares],
        refunded_before_cents=room.refunded_cents,
        refunded_before_units=room.refunded_units,
        tolerance_cents=tolerance_cents,
    )


def fit_shares(
    shares: Sequence[UnitShare], calculation: LineCalculation, room: LineRoom
) -> list[UnitShare]:
    """Returns the shares made to fit the room of their line, or [] where they cannot.

    The rounding cents that the calculation takes off are spread evenly, the odd ones over the first
    shares: off the shopper's part, or off Optoro's where the shopper gets nothing. Anything more is
    a difference that a person must look at.
    """
    if not shares or len(shares) > room.units or calculation.amount_cents > room.amount_cents:
        return []
    each, odd = divmod(calculation.taken_off_cents, len(shares))
    fitted = [_less(share, each + (n < odd)) for n, share in enumerate(shares)]
    return [share for share in fitted if share] if all(fitted) else []


def _less(share: UnitShare, cents: int) -> UnitShare | None:
    """Returns a share with cents taken off one of its parts; None where it has not so many."""
    amount_cents = share.amount_cents - cents
    if share.shopper_amount_cents:
        shopper_cents = share.shopper_amount_cents - cents
        parts = (shopper_cents, share.optoro_amount_cents)
    else:
        parts = (0, share.optoro_amount_cents - cents)
    return None if min(parts) < 0 else UnitShare(share.unit, amount_cents, *parts)


def why_not(line: OrderLine, shares: Sequence[UnitShare], room: LineRoom, currency: str) -> str:
    """Returns, in words, which limit of a line the shares go against."""
    amount_cents = sum(share.amount_cents for share in shares)
    return why_beyond_line(Wanted(line, len(shares), amount_cents), room, currency)


def why_beyond_line(want: Wanted, room: LineRoom, currency: str) -> str:
    """Returns, in words, which limit of a line a refund goes against."""
    line = want.order_line
    if want.quantity > room.units:
        return (
            f"line {line.identifier}: {want.quantity} unit(s) to refund, but only {room.units} of "
            f"{line.quantity_shipped} shipped are not refunded yet"
        )
    wanted = money.show(want.amount_cents, currency)
    left = money.show(room.amount_cents, currency)
    return f"line {line.identifier}: {wanted} to refund, but only {left} of what was paid is left"


def why_too_different(line: OrderLine, calculation: LineCalculation, currency: str) -> str:
    """Returns, in words, how far Optoro's estimate is from the desk's own figure."""
    return (
        f"line {line.identifier}: Optoro estimates "
        f"{money.show(calculation.estimated_cents, currency)} for {calculation.quantity} unit(s), "
        f"but {money.show(calculation.paid_cents, currency)} was paid for them; the policy lets "
        f"{money.show(calculation.tolerance_cents or 0, currency)} per unit pass"
    )
