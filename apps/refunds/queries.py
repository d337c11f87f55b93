"""Reading refunds."""

from collections.abc import Iterable

from django.db.models import QuerySet, Sum

from apps.cases.models import SubjectKind
from apps.cases.queries import flags_on
from apps.orders.models import Order
from apps.refunds.models import Refund, RefundLine, RefundStatus, RefundUnit
from apps.refunds.policies import Policies
from apps.refunds.rules import LIVE_STATUSES, unit_verdict
from apps.refunds.types import PastRefunds, Verdict
from apps.rmas.models import Rma, RmaUnit


def past_refunds(
    units: Iterable[RmaUnit], *, excluding: Refund | None = None
) -> dict[int, PastRefunds]:
    """Returns, by unit key, the refunds that units were in before; units without any are absent."""
    past: dict[int, dict[str, str]] = {}
    rows = RefundUnit.objects.filter(rma_unit__in=list(units)).select_related("line__refund")
    if excluding:
        rows = rows.exclude(line__refund=excluding)
    for row in rows.order_by("pk"):
        refund = row.line.refund
        found = past.setdefault(row.rma_unit_id, {})
        if row.is_live:
            found["live_identifier"] = refund.identifier
        elif refund.status == RefundStatus.DECLINED:
            found["declined_identifier"] = refund.identifier
        elif not refund.is_superseded:
            found["canceled_identifier"] = refund.identifier
    return {unit_id: PastRefunds(**found) for unit_id, found in past.items()}


def verdicts(
    rma: Rma,
    units: Iterable[RmaUnit],
    policies: Policies,
    *,
    forget_past: bool = False,
    forget_flags: bool = False,
) -> dict[int, Verdict]:
    """Returns, by unit key, what automation does with each unit and why.

    With `forget_past`, what it would do if nothing had been decided for any of them before; with
    `forget_flags`, if nobody had stopped it.
    """
    units = list(units)
    flags = {} if forget_flags else _flags(rma, units)
    past = {} if forget_past else past_refunds(units)
    behind = orders_behind(units)
    return {
        unit.pk: unit_verdict(
            unit=unit,
            rma=rma,
            policy=policies.for_unit(rma, unit),
            past=past.get(unit.pk, PastRefunds()),
            is_order_known=unit.order_id is not None,
            is_order_behind=unit.order_id in behind,
            flag=flags.get(unit.pk, ""),
        )
        for unit in units
    }


def _flags(rma: Rma, units: list[RmaUnit]) -> dict[int, str]:
    """By unit key, why automation is stopped for its return or its order."""
    names = {
        unit.pk: unit.order.identifier if unit.order else unit.order_identifier for unit in units
    }
    found = flags_on(store_id=rma.store_id, orders=set(names.values()), rmas=[rma.rma_identifier])
    of_rma = found.get((SubjectKind.RMA, rma.rma_identifier), "")
    return {pk: of_rma or found.get((SubjectKind.ORDER, name), "") for pk, name in names.items()}


def orders_behind(units: Iterable[RmaUnit]) -> set[int]:
    """Returns the keys of orders that have shipped less than these units of one RMA return."""
    by_line: dict[tuple[int, str], list[RmaUnit]] = {}
    for unit in units:
        if unit.order_id and not unit.is_withdrawn:
            by_line.setdefault((unit.order_id, unit.order_line_item_identifier), []).append(unit)
    behind = set()
    for (order_id, _), members in by_line.items():
        line = members[0].order_line
        if line is None or line.is_removed or len(members) > line.quantity_shipped:
            behind.add(order_id)
    return behind


def refunds_of_order(order: Order) -> QuerySet[Refund]:
    """Returns the refunds of an order's goods, oldest first, with their lines."""
    return (
        Refund.objects.filter(order=order)
        .select_related("rma", "paid_order", "author", "approver")
        .prefetch_related("lines__order_line", "payouts__attempts")
        .order_by("created_at", "pk")
    )


def reportable_refunds(order: Order) -> QuerySet[Refund]:
    """Returns the refunds that Optoro is told of: those that are paid (contract §8)."""
    return (
        Refund.objects.filter(order=order, status=RefundStatus.PAID)
        .prefetch_related("lines__order_line")
        .order_by("paid_at", "pk")
    )


def refunded_quantities(order: Order) -> dict[int, int]:
    """Returns how many units of each line (by key) are in live refunds."""
    rows = (
        RefundLine.objects.filter(refund__order=order, refund__status__in=LIVE_STATUSES)
        .values_list("order_line")
        .annotate(total=Sum("quantity"))
    )
    return dict(rows)
