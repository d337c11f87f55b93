"""More of an order line refunded than its shipped units cost, or than there were. One query, which
reads the suspicious lines only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import F, Max, QuerySet, Sum

from apps.common import money
from apps.orders.models import OrderLine
from apps.orders.rules import shipped_amount_cents
from apps.reconciliation.rules import DifferenceKind, Found
from apps.refunds.models import RefundKind, RefundLine, Source
from apps.refunds.rules import LIVE_STATUSES

_NAMES_SHOWN = 5


@dataclass
class _Spent:
    """What of a line is refunded by some refunds, paid or under way."""

    cents: int = 0
    units: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, row: RefundLine) -> None:
        self.cents += row.amount_cents
        self.units += row.quantity
        self.names.append(row.refund.identifier)

    def is_beyond(self, cents: int, units: int) -> bool:
        return self.cents > cents or self.units > units

    def __add__(self, other: "_Spent") -> "_Spent":
        return _Spent(
            self.cents + other.cents, self.units + other.units, [*self.names, *other.names]
        )


@dataclass
class _Line:
    """An order line with what is refunded of it. What it was worth when the desk decided is the
    most that the calculations kept with its refunds say."""

    line: OrderLine
    own: _Spent = field(default_factory=_Spent)
    outside: _Spent = field(default_factory=_Spent)
    worth_then_cents: int = 0
    shipped_then: int = 0
    is_known: bool = True

    def add(self, row: RefundLine) -> None:
        if row.refund.source == Source.EXTERNAL:
            self.outside.add(row)
            return
        self.own.add(row)
        figures = row.calculation or {}
        self.is_known = self.is_known and bool(figures)
        self.worth_then_cents = max(self.worth_then_cents, figures.get("cap_cents", 0))
        self.shipped_then = max(self.shipped_then, figures.get("quantity_shipped", 0))


def overdrawn_lines(store_id: int) -> Iterable[Found]:
    """A line shipped in full is worth just what it cost, which the database can tell; for the
    others the rule is asked. Lines with no refund of the desk's own are the order system's affair.
    """
    by_line: dict[int, _Line] = {}
    for row in _rows_of_suspicious_lines(store_id):
        by_line.setdefault(row.order_line_id, _Line(row.order_line)).add(row)
    for found in by_line.values():
        one = _judged_line(found) if found.own.units else None
        if one:
            yield one


def _rows_of_suspicious_lines(store_id: int) -> QuerySet[RefundLine]:
    live = RefundLine.objects.filter(
        refund__store_id=store_id,
        refund__status__in=LIVE_STATUSES,
        refund__kind=RefundKind.GOODS,
    )
    cost = (
        F("order_line__product_amount_cents")
        - F("order_line__discount_amount_cents")
        + F("order_line__tax_amount_cents")
    )
    suspicious = (
        live.order_by()
        .values("order_line")
        .annotate(
            total=Sum("amount_cents"),
            units=Sum("quantity"),
            cost=Max(cost),
            ordered=Max("order_line__quantity"),
            shipped=Max("order_line__quantity_shipped"),
        )
        .exclude(total__lte=F("cost"), units__lte=F("shipped"), shipped=F("ordered"))
    )
    return (
        live.filter(order_line__in=suspicious.values("order_line"))
        .select_related("refund", "order_line__order")
        .defer("refund__raw", "order_line__order__raw")
        .order_by("order_line", "pk")
    )


def _judged_line(found: _Line) -> Found | None:
    line = found.line
    worth_cents, units = shipped_amount_cents(line), line.quantity_shipped
    everything = found.own + found.outside
    if not everything.is_beyond(worth_cents, units):
        return None
    then_cents = max(worth_cents, found.worth_then_cents)
    then_units = max(units, found.shipped_then)
    is_own = found.own.is_beyond(worth_cents, units)
    if is_own and found.is_known and found.own.is_beyond(then_cents, then_units):
        return _line_overdrawn(found, then_cents, then_units)
    if everything.is_beyond(then_cents, then_units) and not (is_own and not found.is_known):
        return _line_given_back_twice(found, then_cents, then_units)
    return _line_shrank(found, everything, worth_cents, then_cents, then_units)


def _about_line(found: _Line, kind: DifferenceKind, cents: int, explanation: str) -> Found:
    order = found.line.order
    return Found(
        kind=kind,
        subject=f"{order.identifier}/{found.line.identifier}",
        since_at=order.mirrored_at,
        explanation=explanation,
        currency=order.currency,
        amount_cents=max(0, cents),
        order_identifier=order.identifier,
    )


def _line_overdrawn(found: _Line, worth_cents: int, units: int) -> Found:
    line, currency = found.line, found.line.order.currency
    return _about_line(
        found,
        DifferenceKind.LINE_OVERDRAWN,
        found.own.cents - worth_cents,
        f"{_amount(found.own, currency)} of line {line.identifier} of order "
        f"{line.order.identifier} is refunded or under way, but its {units} shipped unit(s) cost "
        f"{money.show(worth_cents, currency)}",
    )


def _line_given_back_twice(found: _Line, worth_cents: int, units: int) -> Found:
    line, currency = found.line, found.line.order.currency
    return _about_line(
        found,
        DifferenceKind.LINE_GIVEN_BACK_TWICE,
        found.own.cents + found.outside.cents - worth_cents,
        f"{_amount(found.own, currency)} of line {line.identifier} of order "
        f"{line.order.identifier} is refunded here ({_names(found.own.names)}) and "
        f"{_amount(found.outside, currency)} outside ({_names(found.outside.names)}), but its "
        f"{units} shipped unit(s) cost {money.show(worth_cents, currency)}",
    )


def _line_shrank(
    found: _Line, everything: _Spent, worth_cents: int, then_cents: int, then_units: int
) -> Found:
    line, currency = found.line, found.line.order.currency
    then = (
        f"when that was decided its {then_units} shipped unit(s) cost "
        f"{money.show(then_cents, currency)}"
        if found.is_known
        else "what it cost when that was decided was not kept"
    )
    return _about_line(
        found,
        DifferenceKind.ORDER_SHRANK,
        everything.cents - worth_cents,
        f"{_amount(everything, currency)} of line {line.identifier} of order "
        f"{line.order.identifier} is refunded or under way ({_names(everything.names)}), but its "
        f"{line.quantity_shipped} shipped unit(s) cost {money.show(worth_cents, currency)} now: "
        f"the order shrank since; {then}",
    )


def _amount(spent: _Spent, currency: str) -> str:
    return f"{money.show(spent.cents, currency)} for {spent.units} unit(s)"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    left = len(names) - _NAMES_SHOWN
    return f"{shown} and {left} more" if left > 0 else shown
