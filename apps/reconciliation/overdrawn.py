"""More went back than there was: of a line, of what was captured, of one payment, of goodwill.

What the desk alone overdraws must never be. What it and the order system overdraw together, and an
order that shrank after its refund, is nobody's fault of bookkeeping: a person looks. A fixed number
of queries, whatever the number of refunds; they read the suspicious rows only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import Coalesce, Greatest

from apps.common import money
from apps.orders.models import Order, OrderLine, Transaction
from apps.orders.queries import CAPTURES, returned_by_transactions_cents
from apps.orders.rules import line_amount_cents
from apps.reconciliation.overdrawn_lines import overdrawn_lines
from apps.reconciliation.rules import DifferenceKind, Found
from apps.refunds.approvals import approvals_of
from apps.refunds.limits import PAID_OUT
from apps.refunds.models import (
    Payout,
    PayoutStatus,
    Refund,
    RefundKind,
    Source,
)
from apps.refunds.rules import LIVE_STATUSES
from apps.stores.models import Store

_ENDED = (PayoutStatus.DECLINED, PayoutStatus.CANCELED)


def overdrawn(store: Store) -> list[Found]:
    """Returns where more of a store's money went back than there was."""
    lines = list(overdrawn_lines(store.pk))
    shrunk = {one.order_identifier for one in lines if one.kind == DifferenceKind.ORDER_SHRANK}
    # An order without payments is worth what its lines are: their shrinking says it all.
    cash = [
        one
        for one in _cash(store.pk)
        if one.kind != DifferenceKind.ORDER_SHRANK or one.order_identifier not in shrunk
    ]
    return [*lines, *cash, *_payments(store.pk), *_goodwill(store)]


# --- Cash ---------------------------------------------------------------------------------------


def _total(rows: QuerySet[Any], group: str, column: str) -> Coalesce:
    """The sum of a column over the rows that belong to the outer order."""
    totals = rows.order_by().values(group).annotate(total=Sum(column)).values("total")
    return Coalesce(Subquery(totals, output_field=BigIntegerField()), 0)


@dataclass(frozen=True)
class _Payer:
    """An order with what `_payers` works out of it."""

    order: Order
    own_cents: int
    outside_cents: int
    paid_cents: int
    limit_cents: int
    has_payments: bool
    last_at: datetime | None


def _payers(store_id: int) -> QuerySet[Order]:
    """The orders whose payment something went back to, with what the desk holds of it and has paid
    (cents), what others gave back at most, and what there was: what was captured, or for an order
    that never told a payment what its lines and shipping cost
    (`orders.queries.captured_amount_cents`)."""
    refunds = Refund.objects.filter(
        paid_order=OuterRef("pk"), status__in=LIVE_STATUSES, destination__in=PAID_OUT
    )
    paid = Payout.objects.filter(refund__destination__in=PAID_OUT, status=PayoutStatus.PAID)
    paid_here = paid.filter(refund__paid_order=OuterRef("pk"))
    told = Transaction.objects.filter(order=OuterRef("pk"))
    maybe_returned = Q(type="REFUND", status__in=("SUCCESS", "PENDING"))
    maybe_returned |= Q(type="VOID", status="SUCCESS")
    lines = OrderLine.objects.filter(order=OuterRef("pk"), is_removed=False).annotate(
        cost=F("product_amount_cents") - F("discount_amount_cents") + F("tax_amount_cents")
    )
    last_at = paid_here.order_by("-finished_at").values("finished_at")[:1]
    own = Refund.objects.filter(
        store_id=store_id, status__in=LIVE_STATUSES, destination__in=PAID_OUT
    ).exclude(source=Source.EXTERNAL)
    return (
        Order.objects.filter(
            Q(pk__in=own.values("paid_order"))
            | Q(pk__in=paid.filter(store_id=store_id).values("refund__paid_order"))
        )
        .annotate(
            own_cents=_total(
                refunds.exclude(source=Source.EXTERNAL), "paid_order", "shopper_amount_cents"
            ),
            outside_cents=_total(
                refunds.filter(source=Source.EXTERNAL), "paid_order", "shopper_amount_cents"
            ),
            listed_cents=_total(told.filter(maybe_returned), "order", "amount_cents"),
            paid_cents=_total(paid_here, "refund__paid_order", "amount_cents"),
            last_at=Subquery(last_at),
            has_payments=Case(
                When(Q(has_told_transactions=True) | Exists(told), then=1), default=0
            ),
            captured_cents=_total(
                told.filter(status="SUCCESS", type__in=CAPTURES), "order", "amount_cents"
            ),
            lines_cents=_total(lines, "order", "cost"),
        )
        .annotate(
            limit_cents=Case(
                When(has_payments=1, then=F("captured_cents")),
                default=F("lines_cents")
                + F("shipping_amount_cents")
                + F("shipping_tax_amount_cents"),
            )
        )
    )


def _cash(store_id: int) -> Iterable[Found]:
    at_most = Greatest("outside_cents", "listed_cents")
    together = Q(own_cents__gt=0, limit_cents__lt=F("own_cents") + at_most)
    suspicious = _payers(store_id).filter(Q(paid_cents__gt=F("limit_cents")) | together)
    payers = [_payer(row) for row in suspicious.prefetch_related("transactions").order_by("pk")]
    names = _own_names(payers)
    worth_then = _worth_then(payers)
    for payer in payers:
        order = payer.order
        if payer.paid_cents > payer.limit_cents:
            yield _more_than_captured(payer, worth_then.get(order.pk))
        outside_cents = max(
            payer.outside_cents,
            returned_by_transactions_cents(order, ours=names.get(order.pk, set())),
        )
        if outside_cents and payer.own_cents + outside_cents > payer.limit_cents:
            yield _given_back_twice(payer, outside_cents)


def _payer(row: Any) -> _Payer:
    return _Payer(
        order=row,
        own_cents=row.own_cents,
        outside_cents=row.outside_cents,
        paid_cents=row.paid_cents,
        limit_cents=row.limit_cents,
        has_payments=bool(row.has_payments),
        last_at=row.last_at,
    )


def _own_names(payers: Sequence[_Payer]) -> dict[int, set[str]]:
    """Every name under which a source may mirror a refund of the desk's own, by the order that is
    paid back (`limits.own_names`)."""
    rows = _own_refunds([payer.order.pk for payer in payers]).values_list(
        "paid_order", "identifier", "payouts__gateway_reference", "payouts__idempotency_key"
    )
    names: dict[int, set[str]] = {}
    for order_id, *of_refund in rows:
        names.setdefault(order_id, set()).update(str(name) for name in of_refund if name)
    return names


def _own_refunds(order_ids: Iterable[int]) -> QuerySet[Refund]:
    return (
        Refund.objects.filter(
            paid_order__in=list(order_ids),
            status__in=LIVE_STATUSES,
            destination__in=PAID_OUT,
        )
        .exclude(source=Source.EXTERNAL)
        .order_by("pk")
    )


def _worth_then(payers: Sequence[_Payer]) -> dict[int, int]:
    """What orders that never told a payment cost when their refunds were decided, as far as the
    calculations kept with them say; those are left out of whose refunds one has none."""
    without = {one.order.pk: one for one in payers if not one.has_payments}
    unknown: set[int] = set()
    by_line: dict[OrderLine, int] = {}
    refunds = _own_refunds(without).defer("raw").prefetch_related("lines__order_line")
    for refund in refunds:
        rows = list(refund.lines.all())
        if not rows or not all(row.calculation for row in rows):
            unknown.add(refund.paid_order_id)
        for row in rows:
            cap_cents = (row.calculation or {}).get("cap_cents", 0)
            by_line[row.order_line] = max(by_line.get(row.order_line, 0), cap_cents)
    worth = {pk: one.limit_cents for pk, one in without.items() if pk not in unknown}
    for line, cap_cents in by_line.items():
        if line.order_id in worth:
            now_cents = 0 if line.is_removed else line_amount_cents(line)
            worth[line.order_id] += max(0, cap_cents - now_cents)
    return worth


def _about_order(payer: _Payer, kind: DifferenceKind, cents: int, explanation: str) -> Found:
    order = payer.order
    return Found(
        kind=kind,
        subject=order.identifier,
        since_at=payer.last_at or order.mirrored_at,
        explanation=explanation,
        currency=order.currency,
        amount_cents=cents,
        order_identifier=order.identifier,
    )


def _more_than_captured(payer: _Payer, worth_then_cents: int | None) -> Found:
    """Of an order that never told a payment, more can have gone back than it is worth only now."""
    order = payer.order
    paid, limit = (money.show(c, order.currency) for c in (payer.paid_cents, payer.limit_cents))
    over_cents = payer.paid_cents - payer.limit_cents
    is_known = payer.has_payments or worth_then_cents is not None
    if is_known and payer.paid_cents > (worth_then_cents or 0):
        return _about_order(
            payer,
            DifferenceKind.MORE_THAN_CAPTURED,
            over_cents,
            f"{paid} was paid back to the payment of order {order.identifier}, but {limit} was "
            "captured",
        )
    then = (
        f"it cost {money.show(worth_then_cents, order.currency)} when that was decided"
        if worth_then_cents is not None
        else "what it cost when that was decided was not kept"
    )
    return _about_order(
        payer,
        DifferenceKind.ORDER_SHRANK,
        over_cents,
        f"{paid} was paid back to the payment of order {order.identifier}, but it costs {limit} "
        f"now: the order shrank since; {then}",
    )


def _given_back_twice(payer: _Payer, outside_cents: int) -> Found:
    order = payer.order
    own, outside, limit = (
        money.show(cents, order.currency)
        for cents in (payer.own_cents, outside_cents, payer.limit_cents)
    )
    return _about_order(
        payer,
        DifferenceKind.GIVEN_BACK_TWICE,
        payer.own_cents + outside_cents - payer.limit_cents,
        f"{own} is paid back, or going to be, to the payment of order {order.identifier} here, and "
        f"{outside} outside, but {limit} was captured",
    )


# --- One payment, and goodwill ------------------------------------------------------------------


def _payments(store_id: int) -> Iterable[Found]:
    captured = Transaction.objects.filter(
        order=OuterRef("refund__paid_order"),
        identifier=OuterRef("transaction_identifier"),
        type__in=CAPTURES,
    ).values("amount_cents")[:1]
    rows = (
        Payout.objects.filter(store_id=store_id, refund__destination__in=PAID_OUT)
        .exclude(status__in=_ENDED)
        .exclude(transaction_identifier="")
        .order_by()
        .annotate(captured_cents=Subquery(captured, output_field=BigIntegerField()))
        .values(
            "refund__paid_order__identifier", "transaction_identifier", "currency", "captured_cents"
        )
        .annotate(total=Sum("amount_cents"), last_at=Max("created_at"))
        .filter(total__gt=F("captured_cents"))
        .order_by("refund__paid_order__identifier", "transaction_identifier")
    )
    for row in rows:
        order, payment = row["refund__paid_order__identifier"], row["transaction_identifier"]
        total, taken = (
            money.show(cents, row["currency"]) for cents in (row["total"], row["captured_cents"])
        )
        yield Found(
            kind=DifferenceKind.PAYMENT_OVERDRAWN,
            subject=f"{order}/{payment}",
            since_at=row["last_at"],
            explanation=f"{total} is paid back, or going to be, to payment {payment} of order "
            f"{order}, which captured {taken}",
            currency=row["currency"],
            amount_cents=row["total"] - row["captured_cents"],
            order_identifier=order,
        )


def _goodwill(store: Store) -> Iterable[Found]:
    """By the order that took the payment: exchange orders have no goodwill of their own."""
    limit_cents = approvals_of(store).goodwill_limit_cents
    rows = (
        Refund.objects.filter(store=store, status__in=LIVE_STATUSES, kind=RefundKind.GOODWILL)
        .order_by()
        .values("paid_order__identifier", "currency")
        .annotate(
            total=Sum("total_refund_amount_cents"),
            outside=Sum("total_refund_amount_cents", filter=_IS_OUTSIDE, default=0),
            last_at=Max("created_at"),
        )
        .filter(total__gt=limit_cents)
        .order_by("paid_order__identifier")
    )
    for row in rows:
        order, currency = row["paid_order__identifier"], row["currency"]
        yield _too_much_goodwill(order, currency, row, limit_cents, row["last_at"])


_IS_OUTSIDE = Q(source=Source.EXTERNAL)


def _too_much_goodwill(
    order: str, currency: str, row: dict[str, Any], limit_cents: int, last_at: datetime
) -> Found:
    total, outside, limit = (
        money.show(cents, currency) for cents in (row["total"], row["outside"], limit_cents)
    )
    return Found(
        kind=DifferenceKind.GOODWILL_ABOVE_LIMIT,
        subject=order,
        since_at=last_at,
        explanation=f"{total} of goodwill is given for order {order}, {outside} of it outside, but "
        f"{limit} is allowed for an order",
        currency=currency,
        amount_cents=row["total"] - limit_cents,
        order_identifier=order,
    )
