"""Reading refunds."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from django.db.models import QuerySet, Sum

from apps.cases.models import SubjectKind
from apps.cases.queries import flags_on
from apps.orders.models import Order
from apps.refunds.models import Payout, Refund, RefundLine, RefundStatus, RefundUnit
from apps.refunds.policies import Policies
from apps.refunds.rules import LIVE_STATUSES, unit_verdict
from apps.refunds.types import PastRefunds, Verdict
from apps.rmas.models import Rma, RmaUnit

NO_PAST: Mapping[int, PastRefunds] = MappingProxyType({})
NO_FLAGS: Mapping[tuple[str, str], str] = MappingProxyType({})


def past_refunds(
    units: Iterable[RmaUnit], *, excluding: Refund | None = None
) -> dict[int, PastRefunds]:
    """Returns, by unit key, the refunds that units were in before; units without any are absent."""
    rows = RefundUnit.objects.filter(rma_unit__in=list(units)).select_related("line__refund")
    if excluding:
        rows = rows.exclude(line__refund=excluding)
    return past_of(rows.order_by("pk"))


def past_of(rows: Iterable[RefundUnit]) -> dict[int, PastRefunds]:
    """Returns, by unit key, the refunds that units were in: these, the oldest first. Expects the
    refunds to be read with them."""
    past: dict[int, dict[str, str]] = {}
    for row in rows:
        refund = row.line.refund
        found = past.setdefault(row.rma_unit_id, {})
        if row.is_live:
            found["live_identifier"] = refund.identifier
        elif refund.status == RefundStatus.DECLINED:
            found["declined_identifier"] = refund.identifier
        elif not refund.is_superseded:
            found["canceled_identifier"] = refund.identifier
    return {unit_id: PastRefunds(**found) for unit_id, found in past.items()}


def payouts_of(store_id: int, identifiers: Iterable[str]) -> QuerySet[Payout]:
    """Returns the payouts of a store's refunds of these identifiers.

    Payouts and refunds keep their store each: both are asked for, because an identifier is found by
    its index only with its refund's store.
    """
    return Payout.objects.filter(
        store_id=store_id, refund__store_id=store_id, refund__identifier__in=identifiers
    )


def verdicts(
    rma: Rma,
    units: Iterable[RmaUnit],
    policies: Policies,
    *,
    past: Mapping[int, PastRefunds] | None = None,
    flags: Mapping[tuple[str, str], str] | None = None,
) -> dict[int, Verdict]:
    """Returns, by unit key, what automation does with each unit and why.

    What is read already is handed over: `past`, the refunds that the units were in before, by unit
    key, and `flags`, who stopped the return or its orders (`flags_on`). With `NO_PAST` it is what
    automation would do if nothing had been decided for any of them, with `NO_FLAGS` if nobody had
    stopped it.
    """
    units = list(units)
    stops = _stops(rma, units, flags)
    past = past_refunds(units) if past is None else past
    behind = orders_behind(units)
    return {
        unit.pk: unit_verdict(
            unit=unit,
            rma=rma,
            policy=policies.for_unit(rma, unit),
            past=past.get(unit.pk, PastRefunds()),
            is_order_known=unit.order_id is not None,
            is_order_behind=unit.order_id in behind,
            flag=stops.get(unit.pk, ""),
        )
        for unit in units
    }


def _stops(
    rma: Rma, units: list[RmaUnit], flags: Mapping[tuple[str, str], str] | None
) -> dict[int, str]:
    """By unit key, why automation is stopped for its return or its order."""
    if flags is not None and not flags:
        return {}
    names = {
        unit.pk: unit.order.identifier if unit.order else unit.order_identifier for unit in units
    }
    if flags is None:
        orders = set(names.values())
        flags = flags_on(store_id=rma.store_id, orders=orders, rmas=[rma.rma_identifier])
    of_rma = flags.get((SubjectKind.RMA, rma.rma_identifier), "")
    return {pk: of_rma or flags.get((SubjectKind.ORDER, name), "") for pk, name in names.items()}


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
