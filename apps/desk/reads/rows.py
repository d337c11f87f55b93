"""What list rows show beside their own fields, read for a whole page at once."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from apps.cases.models import Case
from apps.common import clock
from apps.desk.reads.gone import Gone, refunded_by_order
from apps.desk.words import kind_of
from apps.exchanges.models import ExchangeCollision, ExchangeLine, ExchangeOrder
from apps.exchanges.rules import status_of
from apps.orders.models import Order
from apps.refunds.models import Refund
from apps.rmas.models import Rma, RmaUnit


@dataclass(frozen=True)
class CaseOf:
    """What people agreed about the order or return of a row; `flag` is why automation leaves it
    alone."""

    assignee: str = ""
    due_at: datetime | None = None
    flag: str = ""

    @property
    def is_overdue(self) -> bool:
        """Whether it should have been dealt with by now."""
        return self.due_at is not None and self.due_at <= clock.now()


Marks = Callable[[Collection[str]], dict[str, CaseOf]]


def no_marks(subjects: Collection[str]) -> dict[str, CaseOf]:
    """For rows that show nothing of their cases."""
    return {}


def case_marks(store_id: int, subject_kind: str) -> Marks:
    """Returns what reads the cases of a page of orders or returns, by identifier; one query."""

    def marks(subjects: Collection[str]) -> dict[str, CaseOf]:
        cases = Case.objects.filter(
            store_id=store_id, subject_kind=subject_kind, subject__in=subjects
        ).select_related("assignee")
        return {case.subject: _case_of(case) for case in cases}

    return marks


def _case_of(case: Case) -> CaseOf:
    person = case.assignee
    return CaseOf(
        assignee=(person.get_full_name() or person.get_username()) if person else "",
        due_at=case.due_at,
        flag=case.flag_reason if case.is_flagged else "",
    )


@dataclass(frozen=True)
class OrderRow:
    """An order in a list."""

    order: Order
    returns: int
    refunded: Gone
    case: CaseOf = CaseOf()


def order_rows(orders: Iterable[Order], marks: Marks = no_marks) -> list[OrderRow]:
    """Returns the orders with how many returns they have, and what of their refunds is paid."""
    orders = list(orders)
    cases = marks([order.identifier for order in orders])
    returns = dict(
        RmaUnit.objects.filter(order__in=orders)
        .order_by()
        .values_list("order_id")
        .annotate(count=Count("rma", distinct=True))
    )
    refunded = refunded_by_order(orders)
    return [
        OrderRow(
            order,
            returns.get(order.pk, 0),
            refunded.get(order.pk, Gone()),
            cases.get(order.identifier, CaseOf()),
        )
        for order in orders
    ]


@dataclass(frozen=True)
class RmaRow:
    """An RMA in a list. `currency` is empty while none of its orders is known."""

    rma: Rma
    units: int
    estimated_cents: int
    currency: str
    order_identifiers: tuple[str, ...]
    parcels: tuple[tuple[str, int], ...]
    refunds: tuple[Refund, ...]
    kind: str
    receiving: tuple[tuple[str, int], ...] = ()
    tracking: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    case: CaseOf = CaseOf()


def rma_rows(rmas: Iterable[Rma], marks: Marks = no_marks) -> list[RmaRow]:
    """Returns the RMAs with what their units and refunds add up to."""
    rmas = list(rmas)
    cases = marks([rma.rma_identifier for rma in rmas])
    units: dict[int, list[RmaUnit]] = {}
    for unit in RmaUnit.objects.filter(rma__in=rmas).select_related("order").defer("order__raw"):
        units.setdefault(unit.rma_id, []).append(unit)
    refunds: dict[int, list[Refund]] = {}
    for refund in Refund.objects.filter(rma__in=rmas).order_by("created_at", "pk"):
        assert refund.rma_id is not None
        refunds.setdefault(refund.rma_id, []).append(refund)
    return [
        _rma_row(
            rma,
            units.get(rma.pk, []),
            refunds.get(rma.pk, []),
            cases.get(rma.rma_identifier, CaseOf()),
        )
        for rma in rmas
    ]


def _counted(values: Iterable[str]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return tuple(counts.items())


def _each_once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _rma_row(rma: Rma, units: list[RmaUnit], refunds: list[Refund], case: CaseOf) -> RmaRow:
    return RmaRow(
        rma=rma,
        units=len(units),
        estimated_cents=sum(unit.estimated_refund_amount_cents for unit in units),
        currency=next((unit.order.currency for unit in units if unit.order), ""),
        order_identifiers=tuple(
            dict.fromkeys(
                unit.order.identifier if unit.order else unit.order_identifier for unit in units
            )
        ),
        parcels=_counted(unit.package_tracking_status for unit in units),
        refunds=tuple(refunds),
        kind=kind_of(unit.refund_type for unit in units if not unit.is_withdrawn),
        receiving=_counted(unit.receiving_status for unit in units),
        tracking=_each_once(unit.tracking_number for unit in units),
        skus=_each_once(unit.sku for unit in units),
        case=case,
    )


@dataclass(frozen=True)
class RefundRow:
    """A refund in a list, with who made it."""

    refund: Refund
    author: str


def refund_rows(refunds: Iterable[Refund]) -> list[RefundRow]:
    """Returns refunds as a list shows them. Expects their order and author to be read."""
    return [RefundRow(refund, _name_of(refund)) for refund in refunds]


def _name_of(refund: Refund) -> str:
    author = refund.author
    if author:
        return str(author.get_full_name() or author.get_username())
    return refund.get_source_display()


@dataclass(frozen=True)
class GiftCard:
    """The store credit that an exchange order gives, in cents."""

    amount: int
    bonus: int

    @property
    def total(self) -> int:
        """What the cards are worth."""
        return self.amount + self.bonus


def gift_card_of(lines: Iterable[ExchangeLine]) -> GiftCard | None:
    """Returns what the gift card lines of an exchange order add up to, None where it has none."""
    cards = [line for line in lines if line.is_gift_card]
    if not cards:
        return None
    bonus = sum(line.bonus_credit_amount_cents for line in cards)
    return GiftCard(sum(line.total_amount_cents for line in cards) - bonus, bonus)


@dataclass(frozen=True)
class ExchangeRow:
    """An exchange order in a list: its status, its goods in short, and how many other requests
    there were."""

    placed: ExchangeOrder
    status: str
    goods: str
    collisions: int
    has_rma: bool
    gift_card: GiftCard | None = None


def exchange_rows(rows: Iterable[ExchangeOrder]) -> list[ExchangeRow]:
    """Returns exchange orders as a list shows them."""
    placed = list(rows)
    if not placed:
        return []
    lines: dict[int, list[ExchangeLine]] = {}
    for line in ExchangeLine.objects.filter(exchange_order__in=placed).order_by("position"):
        lines.setdefault(line.exchange_order_id, []).append(line)
    collisions: dict[int, int] = {}
    for key in ExchangeCollision.objects.filter(exchange_order__in=placed).values_list(
        "exchange_order", flat=True
    ):
        collisions[key] = collisions.get(key, 0) + 1
    known = set(
        Rma.objects.filter(
            store_id__in={row.store_id for row in placed},
            rma_identifier__in={row.rma_identifier for row in placed},
        ).values_list("rma_identifier", flat=True)
    )
    return [
        ExchangeRow(
            placed=row,
            status=status_of(row.own_order_status),
            goods=", ".join(
                f"{line.quantity} × {line.title or line.sku}" for line in lines.get(row.pk, [])
            ),
            collisions=collisions.get(row.pk, 0),
            has_rma=row.rma_identifier in known,
            gift_card=gift_card_of(lines.get(row.pk, [])),
        )
        for row in placed
    ]


def exchange_rows_of(rows: QuerySet[ExchangeOrder]) -> list[ExchangeRow]:
    """Returns the exchange orders of an order or a return, with their status. Most have none: those
    do not ask for what is said of each."""
    return exchange_rows(rows.defer("content", "request"))
