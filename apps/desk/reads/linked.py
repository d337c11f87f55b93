"""Refunds and returned units that know what their page has read already: nothing is read twice."""

from collections.abc import Iterable, Sequence

from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from apps.orders.models import Order, OrderLine
from apps.refunds.models import Refund, RefundLine, RefundUnit
from apps.rmas.models import Rma, RmaUnit


def units_with_lines(units: QuerySet[RmaUnit]) -> QuerySet[RmaUnit]:
    """Returns units with the refund lines that they are or were in, one query more;
    `link_units` gives these their refunds."""
    rows = RefundUnit.objects.select_related("line").order_by("pk")
    return units.prefetch_related(Prefetch("refund_units", rows))


def refunds_with_parts(refunds: QuerySet[Refund]) -> list[Refund]:
    """Reads refunds, oldest first, with the people, the lines and the payments of each."""
    rows = refunds.select_related("author", "approver").defer("raw")
    rows = rows.prefetch_related("lines", "payouts__attempts")
    return list(rows.order_by("created_at", "pk"))


def link_refunds(
    refunds: Sequence[Refund],
    *,
    orders: Iterable[Order],
    rmas: Iterable[Rma],
    order_lines: Iterable[OrderLine],
) -> None:
    """Gives refunds those of their orders, returns and order lines that are read already, and reads
    the others."""
    known_orders = {order.pk: order for order in orders}
    known_rmas = {rma.pk: rma for rma in rmas}
    for refund in refunds:
        if refund.order_id in known_orders:
            refund.order = known_orders[refund.order_id]
        if refund.paid_order_id in known_orders:
            refund.paid_order = known_orders[refund.paid_order_id]
        if refund.rma_id in known_rmas:
            refund.rma = known_rmas[refund.rma_id]
    prefetch_related_objects(refunds, "order", "paid_order", "rma")
    known_lines = {line.pk: line for line in order_lines}
    lines = [line for refund in refunds for line in refund.lines.all()]
    for line in lines:
        if line.order_line_id in known_lines:
            line.order_line = known_lines[line.order_line_id]
    prefetch_related_objects(lines, "order_line")


def link_units(units: Iterable[RmaUnit], refunds: Iterable[Refund]) -> None:
    """Gives the refund lines of units (`units_with_lines`) those of these refunds that they are of,
    and reads the others."""
    known = {refund.pk: refund for refund in refunds}
    lines: list[RefundLine] = [row.line for unit in units for row in unit.refund_units.all()]
    for line in lines:
        if line.refund_id in known:
            line.refund = known[line.refund_id]
    prefetch_related_objects(lines, "refund")
