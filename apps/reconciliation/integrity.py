"""What must never be in the books, asked of the whole books. A hit is a fault of the desk, or of
whoever changed its rows: nothing here is normal at any age.

Each function is one query, or two where the database cannot do the sum.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import (
    BigIntegerField,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce

from apps.common import money
from apps.exchanges.models import ExchangeOrder
from apps.exchanges.queries import with_wrong_status
from apps.reconciliation.ledger_checks import ledger_differs
from apps.reconciliation.rules import DifferenceKind, Found
from apps.refunds.models import (
    Destination,
    Payout,
    PayoutAttempt,
    PayoutStatus,
    Refund,
    RefundKind,
    RefundLine,
    RefundStatus,
    RefundUnit,
    Source,
)
from apps.refunds.rules import LIVE_STATUSES

_ENDED = (RefundStatus.DECLINED, RefundStatus.CANCELED)
_NOT_SENT = (PayoutStatus.CREATED, PayoutStatus.CANCELED)
_MOVES_NO_MONEY = (Destination.STORE_CREDIT, Destination.NONE)


def broken_books(store_id: int) -> list[Found]:
    """Returns what of a store's books contradicts itself."""
    return [
        *_payouts_do_not_add_up(store_id),
        *_paid_though_ended(store_id),
        *_units_twice(store_id),
        *_live_units_of_ended_refunds(store_id),
        *_payouts_without_attempt(store_id),
        *_foreign_keys(store_id),
        *_foreign_stores(store_id),
        *_lines_do_not_add_up(store_id),
        *_exchange_status_differs(store_id),
        *ledger_differs(store_id),
    ]


def _about_refund(
    refund: Refund, kind: DifferenceKind, *, since_at: datetime, cents: int, explanation: str
) -> Found:
    return Found(
        kind=kind,
        subject=refund.identifier,
        since_at=since_at,
        explanation=explanation,
        currency=refund.currency,
        amount_cents=cents,
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        refund_identifier=refund.identifier,
    )


def _read(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.select_related("order").defer("raw", "order__raw").order_by("pk")


def _paid_cents() -> Coalesce:
    paid = (
        Payout.objects.filter(refund=OuterRef("pk"), status=PayoutStatus.PAID)
        .order_by()
        .values("refund")
        .annotate(total=Sum("amount_cents"))
        .values("total")
    )
    return Coalesce(Subquery(paid, output_field=BigIntegerField()), 0)


def _payouts_do_not_add_up(store_id: int) -> Iterable[Found]:
    """Paid means that just what the shopper is owed was paid; nothing, where no money moves."""
    own = Refund.objects.filter(store_id=store_id, status=RefundStatus.PAID)
    own = own.exclude(source=Source.EXTERNAL).annotate(paid_cents=_paid_cents())
    moves_money = ~Q(destination__in=_MOVES_NO_MONEY)
    wrong = own.filter(
        moves_money & ~Q(paid_cents=F("shopper_amount_cents")) | ~moves_money & Q(paid_cents__gt=0)
    )
    for refund in _read(wrong):
        owed = refund.shopper_amount_cents if _moves_money(refund) else 0
        paid = money.show(refund.paid_cents, refund.currency)
        yield _about_refund(
            refund,
            DifferenceKind.PAYOUTS_DO_NOT_ADD_UP,
            since_at=refund.paid_at or refund.created_at,
            cents=abs(refund.paid_cents - owed),
            explanation=f"refund {refund.identifier} is paid, but its payments add up to {paid} "
            f"and the shopper is owed {money.show(owed, refund.currency)}",
        )


def _moves_money(refund: Refund) -> bool:
    return refund.destination not in _MOVES_NO_MONEY


def _paid_though_ended(store_id: int) -> Iterable[Found]:
    rows = Refund.objects.filter(
        Exists(Payout.objects.filter(refund=OuterRef("pk"), status=PayoutStatus.PAID)),
        store_id=store_id,
        status__in=_ENDED,
    ).annotate(paid_cents=_paid_cents())
    for refund in _read(rows):
        yield _about_refund(
            refund,
            DifferenceKind.PAID_THOUGH_ENDED,
            since_at=refund.created_at,
            cents=refund.paid_cents,
            explanation=f"refund {refund.identifier} is {refund.get_status_display().lower()}, but "
            f"{money.show(refund.paid_cents, refund.currency)} of it was paid",
        )


def _units_twice(store_id: int) -> Iterable[Found]:
    """By the status of the refunds: the flag on the unit's row could be what is wrong."""
    twice = (
        RefundUnit.objects.filter(
            line__refund__store_id=store_id, line__refund__status__in=LIVE_STATUSES
        )
        .order_by()
        .values("rma_unit")
        .annotate(count=Count("pk"))
        .filter(count__gt=1)
        .values("rma_unit")
    )
    rows = RefundUnit.objects.filter(
        rma_unit__in=twice, line__refund__status__in=LIVE_STATUSES
    ).select_related("line__refund__order", "rma_unit__rma")
    by_unit: dict[int, list[RefundUnit]] = {}
    for row in rows.defer("line__refund__raw", "line__refund__order__raw").order_by("pk"):
        by_unit.setdefault(row.rma_unit_id, []).append(row)
    for members in by_unit.values():
        refund, unit = members[-1].line.refund, members[0].rma_unit
        names = " and ".join(row.line.refund.identifier for row in members)
        amounts = " and ".join(money.show(row.amount_cents, refund.currency) for row in members)
        yield Found(
            kind=DifferenceKind.UNIT_TWICE,
            subject=f"{unit.rma.rma_identifier}: {unit.label}",
            since_at=refund.created_at,
            explanation=f"{unit.label} of RMA {unit.rma.rma_identifier} is in refunds {names} at "
            f"once, with {amounts}",
            currency=refund.currency,
            amount_cents=sum(row.amount_cents for row in members[1:]),
            order_identifier=refund.order.identifier,
            rma_identifier=unit.rma.rma_identifier,
            refund_identifier=refund.identifier,
        )


def _live_units_of_ended_refunds(store_id: int) -> Iterable[Found]:
    live = RefundUnit.objects.filter(
        is_live=True, line__refund__store_id=store_id, line__refund__status__in=_ENDED
    )
    counted = (
        live.order_by()
        .values("line__refund")
        .annotate(units=Count("pk"), cents=Sum("amount_cents"))
    )
    found = {row["line__refund"]: row for row in counted}
    for refund in _read(Refund.objects.filter(pk__in=live.values("line__refund"))):
        row = found.get(refund.pk, {"units": 0, "cents": 0})
        yield _about_refund(
            refund,
            DifferenceKind.LIVE_UNITS_OF_ENDED_REFUND,
            since_at=refund.created_at,
            cents=row["cents"],
            explanation=f"refund {refund.identifier} is {refund.get_status_display().lower()}, but "
            f"{row['units']} unit(s) of {money.show(row['cents'], refund.currency)} are still held "
            "by it",
        )


def _about_payout(
    payout: Payout, kind: DifferenceKind, *, since_at: datetime, explanation: str
) -> Found:
    return _about_refund(
        payout.refund,
        kind,
        since_at=since_at,
        cents=payout.amount_cents,
        explanation=f"{money.show(payout.amount_cents, payout.currency)} of refund "
        f"{payout.refund.identifier}, key {payout.idempotency_key}: {explanation}",
    )


def _read_payouts(payouts: QuerySet[Payout]) -> QuerySet[Payout]:
    rows = payouts.select_related("refund__order").defer("refund__raw", "refund__order__raw")
    return rows.order_by("pk")


def _payouts_without_attempt(store_id: int) -> Iterable[Found]:
    rows = (
        Payout.objects.filter(store_id=store_id)
        .exclude(status__in=_NOT_SENT)
        .exclude(Exists(PayoutAttempt.objects.filter(payout=OuterRef("pk"))))
    )
    for payout in _read_payouts(rows):
        yield _about_payout(
            payout,
            DifferenceKind.PAYOUT_WITHOUT_ATTEMPT,
            since_at=payout.created_at,
            explanation=f"it is {payout.get_status_display().lower()}, but no attempt at it was "
            "ever written down",
        )


def _foreign_keys(store_id: int) -> Iterable[Found]:
    rows = (
        PayoutAttempt.objects.filter(payout__store_id=store_id)
        .exclude(idempotency_key=F("payout__idempotency_key"))
        .select_related("payout__refund__order")
        .defer("payout__refund__raw", "payout__refund__order__raw")
        .order_by("pk")
    )
    for attempt in rows:
        yield _about_payout(
            attempt.payout,
            DifferenceKind.FOREIGN_KEY,
            since_at=attempt.started_at,
            explanation=f"attempt {attempt.number} went out with another key, "
            f"{attempt.idempotency_key}",
        )


def _foreign_stores(store_id: int) -> Iterable[Found]:
    rows = (
        Payout.objects.filter(refund__store_id=store_id)
        .exclude(store=F("refund__store"))
        .select_related("store")
    )
    for payout in _read_payouts(rows):
        yield _about_payout(
            payout,
            DifferenceKind.FOREIGN_STORE,
            since_at=payout.created_at,
            explanation=f"it stands with the store {payout.store.name}",
        )


def _lines_do_not_add_up(store_id: int) -> Iterable[Found]:
    lines = (
        RefundLine.objects.filter(refund=OuterRef("pk"))
        .order_by()
        .values("refund")
        .annotate(total=Sum("amount_cents", output_field=IntegerField()))
        .values("total")
    )
    rows = (
        Refund.objects.filter(store_id=store_id, kind=RefundKind.GOODS)
        .exclude(source=Source.EXTERNAL)
        .annotate(lines_cents=Coalesce(Subquery(lines, output_field=BigIntegerField()), 0))
        .exclude(lines_cents=F("total_refund_amount_cents"))
    )
    for refund in _read(rows):
        lines_text, total_text = (
            money.show(cents, refund.currency)
            for cents in (refund.lines_cents, refund.total_refund_amount_cents)
        )
        yield _about_refund(
            refund,
            DifferenceKind.LINES_DO_NOT_ADD_UP,
            since_at=refund.created_at,
            cents=abs(refund.lines_cents - refund.total_refund_amount_cents),
            explanation=f"the lines of refund {refund.identifier} add up to {lines_text}, its "
            f"total is {total_text}",
        )


def _exchange_status_differs(store_id: int) -> Iterable[Found]:
    rows = with_wrong_status(ExchangeOrder.objects.filter(store_id=store_id))
    for placed in rows.defer("content", "request").order_by("pk"):
        yield Found(
            kind=DifferenceKind.EXCHANGE_STATUS_DIFFERS,
            subject=placed.order_identifier,
            since_at=placed.placed_at,
            explanation=f"exchange order {placed.order_identifier} stands as "
            f"{placed.own_order_status or 'not sent yet'!r}, its order as "
            f"{placed.said or 'not sent, or several'!r}; send its order again",
            currency=placed.currency,
            amount_cents=placed.total_amount_cents,
            order_identifier=placed.original_order_identifier,
            rma_identifier=placed.rma_identifier,
        )
