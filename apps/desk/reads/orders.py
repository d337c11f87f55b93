"""Everything the order page shows, in a fixed number of queries."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Prefetch, Q, QuerySet, Sum, prefetch_related_objects

from apps.attention.models import Item
from apps.attention.queries import open_items
from apps.cases.models import SubjectKind
from apps.desk.progress import Step, refund_of, ticks
from apps.desk.reads.case import CasePanel, case_panel
from apps.desk.reads.gone import Gone, paid_from, refunded
from apps.desk.reads.linked import (
    link_refunds,
    link_units,
    refunds_with_parts,
    units_with_lines,
)
from apps.desk.reads.rma_money import Settlement, settlement_of
from apps.desk.reads.rows import ExchangeRow, exchange_rows_of
from apps.desk.reads.shopper import Shopper, shopper_of
from apps.desk.reads.timeline import LENGTH, Timeline, timeline_of
from apps.desk.reads.why import Why, whys
from apps.exchanges.lineage import paying_orders, placed_as
from apps.exchanges.queries import exchange_orders_with
from apps.orders import queries as orders
from apps.orders.models import Order, OrderLine
from apps.orders.rules import line_amount_cents, shipped_amount_cents
from apps.refunds import limits
from apps.refunds.models import Refund, RefundLine
from apps.refunds.rules import LIVE_STATUSES
from apps.rmas.models import Rma, RmaUnit
from apps.rmas.queries import rmas_of_order
from apps.timeline.models import Event


@dataclass(frozen=True)
class LineView:
    """A line with what was refunded of it and what is left; amounts in cents."""

    line: OrderLine
    quantity_refunded: int
    total_cents: int
    refunded_cents: int
    left_cents: int


@dataclass(frozen=True)
class Sums:
    """The money of an order; every name in cents. `refunded` is of its own refunds, `went_here` and
    `went_elsewhere` of its payment: for its own goods, and for goods that were exchanged for
    them. `cash_left` is what is neither gone back nor reserved."""

    product: int
    discount: int
    tax: int
    lines: int
    shipping: int
    captured: int
    refunded: Gone
    refundable: int
    cash_left: int
    went_elsewhere: Gone
    reserved: Gone
    settlement: Settlement

    @property
    def not_gone_back(self) -> int:
        """What of the payment did not go back: money that only waits did not."""
        return min(self.captured, self.cash_left + self.reserved.reserved)

    @property
    def went_here(self) -> int:
        """What of the payment went back for the order's own goods."""
        return max(0, self.captured - self.not_gone_back - self.went_elsewhere.paid)

    @property
    def with_shipping(self) -> int:
        """What lines and shipping cost together."""
        return self.lines + self.shipping


@dataclass(frozen=True)
class UnitView:
    """A returned unit and the refund it is in."""

    unit: RmaUnit
    refund: Refund | None


@dataclass(frozen=True)
class RmaView:
    """An RMA of this order, with the units that are this order's and how many more it has."""

    rma: Rma
    units: list[UnitView]
    others: int


@dataclass(frozen=True)
class RefundView:
    """A refund with its four ticks, and why it has its amount."""

    refund: Refund
    ticks: list[Step]
    why: Why


@dataclass(frozen=True)
class OrderPage:
    """The order page."""

    order: Order
    lines: list[LineView]
    sums: Sums
    rmas: list[RmaView]
    refunds: list[RefundView]
    payer: Order
    paid_for_others: list[Refund]
    exchanges: list[ExchangeRow]
    attention: list[Item]
    timeline: Timeline
    case: CasePanel
    shopper: Shopper | None

    @property
    def is_paid_by_exchange(self) -> bool:
        """Whether it is an exchange order, which took no payment."""
        return self.payer.pk != self.order.pk


def order_page(order: Order, *, person_id: int, query: Mapping[str, str]) -> OrderPage:
    """Reads the page of an order for a person; `query` is the address, which chooses how much of
    the timeline and the notes is shown."""
    # What is left of the payment is asked for in several sums.
    prefetch_related_objects([order], "transactions")
    units = Prefetch("units", units_with_lines(RmaUnit.objects.all()))
    rmas = list(rmas_of_order(order).prefetch_related(units))
    itself = placed_as([order]).get(order.pk)
    payer = paying_orders([itself.original_order])[itself.original_order_id] if itself else order
    lines = _lines(order)
    refunds, others = _refunds(order, payer, rmas, lines)
    identifiers = [rma.rma_identifier for rma in rmas]
    case, timeline = _case_and_timeline(order, identifiers, person_id, query)
    return OrderPage(
        order=order,
        lines=lines,
        sums=_sums(order, payer, lines, refunds, others),
        rmas=[_rma_view(rma, order) for rma in rmas],
        refunds=refund_views(refunds),
        payer=payer,
        paid_for_others=others,
        exchanges=exchange_rows_of(exchange_orders_with(order, itself)),
        attention=attention_for(order.store_id, [order.identifier], identifiers),
        timeline=timeline,
        case=case,
        shopper=shopper_of(
            store_id=order.store_id,
            emails=[order.customer_email],
            without_orders=[order.pk],
            without_rmas=[rma.pk for rma in rmas],
        ),
    )


def _refunds(
    order: Order, payer: Order, rmas: list[Rma], lines: list[LineView]
) -> tuple[list[Refund], list[Refund]]:
    """The refunds of the order's goods, and those of exchanged goods that are paid from its
    payment; the units of its returns know them, too."""
    refunds = refunds_with_parts(Refund.objects.filter(Q(order=order) | Q(paid_order=order)))
    order_lines = [view.line for view in lines]
    link_refunds(refunds, orders=[payer, order], rmas=rmas, order_lines=order_lines)
    link_units([unit for rma in rmas for unit in rma.units.all()], refunds)
    own = [refund for refund in refunds if refund.order_id == order.pk]
    return own, [refund for refund in refunds if refund.order_id != order.pk]


def _case_and_timeline(
    order: Order, rmas: list[str], person_id: int, query: Mapping[str, str]
) -> tuple[CasePanel, Timeline]:
    case = case_panel(
        store_id=order.store_id,
        subject_kind=SubjectKind.ORDER,
        subject=order.identifier,
        person_id=person_id,
        related=rmas,
        whole=query.get("notes") == "all",
    )
    timeline = timeline_of(
        store_id=order.store_id,
        subject_kind=SubjectKind.ORDER,
        subject=order.identifier,
        related=rmas,
        people=case.people,
        query=query,
    )
    return case, timeline


def refund_views(refunds: list[Refund]) -> list[RefundView]:
    """Returns what the cards of these refunds show."""
    reasons = whys(refunds)
    return [RefundView(refund, ticks(refund), reasons[refund.pk]) for refund in refunds]


def cut(events: QuerySet[Event], whole: bool) -> tuple[list[Event], bool]:
    """Returns the events to show, and whether there are more."""
    if whole:
        return list(events), False
    shown = list(events[: LENGTH + 1])
    return shown[:LENGTH], len(shown) > LENGTH


def attention_for(store_id: int, order_names: list[str], rma_names: list[str]) -> list[Item]:
    """Returns the open items about these orders or RMAs."""
    about = Q(order_identifier__in=order_names) | Q(rma_identifier__in=rma_names)
    return list(open_items(store_id).filter(about))


def _lines(order: Order) -> list[LineView]:
    """`limits.line_room` asks once per line; this asks once per order, for showing only."""
    spent = {
        row["order_line"]: row
        for row in RefundLine.objects.filter(
            order_line__order=order, refund__status__in=LIVE_STATUSES
        )
        .order_by()
        .values("order_line")
        .annotate(cents=Sum("amount_cents"), count=Sum("quantity"))
    }
    nothing = {"cents": 0, "count": 0}
    views = []
    for line in orders.lines_of(order):
        row = spent.get(line.pk, nothing)
        units = max(row["count"], line.quantity_refunded)
        units_left = max(0, line.quantity_shipped - units)
        left = max(0, shipped_amount_cents(line) - row["cents"])
        left = min(left, limits.unit_limit_cents(line, units_left))
        views.append(LineView(line, units, line_amount_cents(line), row["cents"], left))
    return views


def _sums(
    order: Order,
    payer: Order,
    lines: list[LineView],
    refunds: list[Refund],
    others: list[Refund],
) -> Sums:
    elsewhere = paid_from(order, others)
    cash_left = limits.cash_room_cents(order)
    return Sums(
        product=sum(view.line.product_amount_cents for view in lines),
        discount=sum(view.line.discount_amount_cents for view in lines),
        tax=sum(view.line.tax_amount_cents for view in lines),
        lines=sum(view.total_cents for view in lines),
        shipping=order.shipping_amount_cents + order.shipping_tax_amount_cents,
        captured=orders.captured_amount_cents(order),
        refunded=refunded(refunds),
        refundable=min(
            sum(view.left_cents for view in lines),
            limits.order_room_cents(order, lines=[view.line for view in lines]),
            cash_left if payer.pk == order.pk else limits.cash_room_cents(payer),
        ),
        cash_left=cash_left,
        went_elsewhere=elsewhere,
        reserved=paid_from(order, refunds) + elsewhere,
        settlement=settlement_of(refunds),
    )


def _rma_view(rma: Rma, order: Order) -> RmaView:
    names = {order.identifier, order.secondary_identifier} - {""}
    units = list(rma.units.all())
    own = [u for u in units if u.order_id == order.pk or u.order_identifier in names]
    return RmaView(rma, [UnitView(u, refund_of(u)) for u in own], len(units) - len(own))
