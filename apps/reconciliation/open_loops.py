"""Finding what is begun and not finished: money between the desk, the gateways and Optoro.

Each function is one query (the settlements three), whatever the number of refunds.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum

from apps.attention.queries import open_items
from apps.common import money
from apps.exchanges.models import ExchangeOrder
from apps.exchanges.queries import in_status
from apps.outbox import topics
from apps.outbox.models import JobState
from apps.payments.gateways import MANUAL
from apps.reconciliation.rules import KNOWN_BY_EXCEPTION, DifferenceKind, Found
from apps.reconciliation.settlement import UNKNOWN_CURRENCY, settlements
from apps.reconciliation.stuck import (
    QUEUES_TAKE,
    UNDECIDED,
    about_payout,
    failing_jobs,
    has_job,
    stuck_payouts,
    stuck_refunds,
    waiting_for_approval,
)
from apps.refunds.models import (
    Payout,
    PayoutStatus,
    Refund,
    RefundKind,
    RefundStatus,
    RefundUnit,
    Source,
)
from apps.refunds.rules import LIVE_STATUSES
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit

# How long a gateway may take to decide; a bank's answer can take days.
_GATEWAYS_TAKE = timedelta(hours=72)


@dataclass(frozen=True)
class Times:
    """How long each difference is normal."""

    reported_within: timedelta
    confirmed_within: timedelta
    settlement_within: timedelta
    approval_within: timedelta


def times() -> Times:
    """Returns the times that the settings name."""
    return Times(
        timedelta(minutes=settings.RECONCILE_REPORTED_WITHIN_MINUTES),
        timedelta(hours=settings.RECONCILE_CONFIRMED_WITHIN_HOURS),
        timedelta(hours=settings.RECONCILE_SETTLEMENT_WITHIN_HOURS),
        timedelta(hours=settings.RECONCILE_APPROVAL_WITHIN_HOURS),
    )


def open_loops(store_id: int, now: datetime) -> list[Found]:
    """Returns what of a store's money is begun and not finished at `now`."""
    found: list[Found] = []
    within = times()
    finders: tuple[Callable[[], Iterable[Found]], ...] = (
        lambda: _not_reported(store_id, within.reported_within),
        lambda: _not_confirmed(store_id, within.confirmed_within),
        lambda: _confirmed_without_refund(store_id),
        lambda: _live_on_canceled_rmas(store_id),
        lambda: _payments_without_end(store_id),
        lambda: stuck_payouts(store_id, now),
        lambda: stuck_refunds(store_id, now),
        lambda: failing_jobs(store_id, now),
        lambda: waiting_for_approval(store_id, within.approval_within),
        lambda: _cancellations(store_id),
        lambda: _settlements(store_id, within.settlement_within),
        lambda: _left_to_people(store_id),
    )
    for find in finders:
        found += find()
    return found


def _not_reported(store_id: int, within: timedelta) -> Iterable[Found]:
    """A refund made outside is reported with its order, once Optoro has that order at all."""
    rows = (
        Refund.objects.filter(store_id=store_id, status=RefundStatus.PAID, reported_at=None)
        .exclude(source=Source.EXTERNAL, order__published_at=None)
        .annotate(
            is_queued=has_job(topics.ORDER_SNAPSHOT, "order_id"),
            is_held=has_job(topics.ORDER_SNAPSHOT, "order_id", JobState.HELD),
        )
        .order_by("paid_at", "pk")
        .values_list(
            "identifier",
            "order__identifier",
            "rma_identifier",
            "currency",
            "total_refund_amount_cents",
            "paid_at",
            "source",
            "order__mirrored_at",
            "is_queued",
            "is_held",
        )
    )
    for name, order, rma, currency, cents, paid_at, source, mirrored_at, is_queued, is_held in rows:
        amount = money.show(cents, currency)
        why = "its snapshot waits to be sent"
        if is_held:
            why = "Optoro refused the order's snapshot"
        elif not is_queued:
            why = "no job waits to send the order's snapshot"
        is_lost = not (is_queued or is_held)
        yield Found(
            kind=DifferenceKind.NO_SNAPSHOT_JOB if is_lost else DifferenceKind.PAID_NOT_REPORTED,
            subject=name,
            since_at=max(paid_at, mirrored_at) if source == Source.EXTERNAL else paid_at,
            explanation=f"{amount} of refund {name} is paid and not reported on order {order}: "
            f"{why}",
            currency=currency,
            amount_cents=cents,
            order_identifier=order,
            rma_identifier=rma,
            refund_identifier=name,
            within=None if is_lost else within,
        )


def _not_confirmed(store_id: int, within: timedelta) -> Iterable[Found]:
    """Only an RMA is confirmed, as a whole: Optoro can close it once all its units are reported,
    and its exchange orders have shipped. Since then its echo is waited for."""
    all_reported_at = (
        Refund.objects.filter(rma=OuterRef("rma"), status=RefundStatus.PAID)
        .order_by()
        .values("rma")
        .annotate(last=Max("reported_at"))
        .values("last")
    )
    rows = (
        Refund.objects.filter(
            store_id=store_id, status=RefundStatus.PAID, confirmed_at=None, rma__isnull=False
        )
        .exclude(reported_at=None)
        .exclude(kind=RefundKind.GOODWILL)
        .exclude(rma__status__in=(rma_rules.CANCELED, rma_rules.PENDING_EXCHANGE))
        .exclude(Exists(_units_not_reported()))
        .exclude(Exists(_units_waiting_for_goods(store_id)))
        .order_by("reported_at", "pk")
        .values_list(
            "identifier",
            "order__identifier",
            "rma_identifier",
            "currency",
            "total_refund_amount_cents",
            Subquery(all_reported_at),
        )
    )
    for name, order, rma, currency, cents, since_at in rows:
        amount = money.show(cents, currency)
        yield Found(
            kind=DifferenceKind.REPORTED_NOT_CONFIRMED,
            subject=name,
            since_at=since_at,
            explanation=f"{amount} of refund {name} is reported on order {order}, and Optoro has "
            f"not closed RMA {rma}",
            currency=currency,
            amount_cents=cents,
            order_identifier=order,
            rma_identifier=rma,
            refund_identifier=name,
            within=within,
        )


def _units_not_reported() -> QuerySet[RmaUnit]:
    """The units of a refund's RMA that Optoro must be told of before it can close it: without those
    that were not dropped off, of which it makes nothing."""
    told = RefundUnit.objects.filter(
        rma_unit=OuterRef("pk"),
        is_live=True,
        line__refund__status=RefundStatus.PAID,
        line__refund__reported_at__isnull=False,
    )
    return (
        RmaUnit.objects.filter(rma=OuterRef("rma"), is_withdrawn=False)
        .exclude(package_tracking_status=rma_rules.NOT_DROPPED_OFF)
        .exclude(Exists(told))
    )


def _units_waiting_for_goods(store_id: int) -> QuerySet[RmaUnit]:
    """The exchanged units of a refund's RMA whose exchange order is still to be shipped. A gift
    card is with the shopper as soon as it is placed."""
    rows = ExchangeOrder.objects.filter(store_id=store_id, lines__is_gift_card=False)
    unshipped = in_status(rows, "placed").order_by()
    return RmaUnit.objects.filter(
        rma=OuterRef("rma"), is_withdrawn=False, refund_type__in=rma_rules.EXCHANGES
    ).filter(
        Q(exchange_order_identifier__in=unshipped.values("order_identifier"))
        | Q(
            exchange_order_identifier="",
            rma__rma_identifier__in=unshipped.exclude(rma_identifier="").values("rma_identifier"),
        )
    )


def _confirmed_without_refund(store_id: int) -> Iterable[Found]:
    held = RefundUnit.objects.filter(rma_unit=OuterRef("pk"), is_live=True)
    rows = (
        RmaUnit.objects.filter(
            rma__store_id=store_id,
            rma__status=rma_rules.REFUNDED,
            is_withdrawn=False,
            estimated_refund_amount_cents__gt=0,
        )
        .exclude(package_tracking_status=rma_rules.NOT_DROPPED_OFF)
        .exclude(Exists(held))
        .order_by()
        .values("rma__rma_identifier", "rma__folded_at")
        .annotate(
            units=Count("pk"),
            cents=Sum("estimated_refund_amount_cents"),
            named_order=Min("order_identifier"),
            in_currency=Min("order__currency"),
        )
    )
    for row in rows:
        name = row["rma__rma_identifier"]
        currency = row["in_currency"] or UNKNOWN_CURRENCY
        yield Found(
            kind=DifferenceKind.CONFIRMED_WITHOUT_REFUND,
            subject=name,
            since_at=row["rma__folded_at"],
            explanation=f"Optoro says that RMA {name} is refunded, but {row['units']} unit(s) of "
            f"it, worth {money.show(row['cents'], currency)}, are in no refund of the desk",
            currency=currency,
            amount_cents=row["cents"],
            order_identifier=row["named_order"],
            rma_identifier=name,
            within=QUEUES_TAKE,
        )


def _live_on_canceled_rmas(store_id: int) -> Iterable[Found]:
    rows = (
        Refund.objects.filter(
            store_id=store_id, status__in=LIVE_STATUSES, rma__status=rma_rules.CANCELED
        )
        .exclude(source=Source.EXTERNAL)
        .order_by("pk")
        .values_list(
            "identifier",
            "order__identifier",
            "rma_identifier",
            "currency",
            "total_refund_amount_cents",
            "status",
            "rma__folded_at",
        )
    )
    for name, order, rma, currency, cents, status, folded_at in rows:
        yield Found(
            kind=DifferenceKind.LIVE_ON_CANCELED_RMA,
            subject=name,
            since_at=folded_at,
            explanation=f"{money.show(cents, currency)} of refund {name} is "
            f"{RefundStatus(status).label.lower()}, and Optoro has canceled RMA {rma}",
            currency=currency,
            amount_cents=cents,
            order_identifier=order,
            rma_identifier=rma,
            refund_identifier=name,
            within=QUEUES_TAKE,
        )


def _payments_without_end(store_id: int) -> Iterable[Found]:
    rows = (
        Payout.objects.filter(store_id=store_id, status__in=(PayoutStatus.UNKNOWN, *UNDECIDED))
        .annotate(begun_at=Min("attempts__started_at"))
        .select_related("refund__order")
        .defer("refund__raw", "refund__order__raw")
        .order_by("pk")
    )
    for payout in rows:
        kind, words, within = _what_is_open(payout)
        amount = money.show(payout.amount_cents, payout.currency)
        yield about_payout(
            payout,
            kind,
            since_at=payout.begun_at or payout.created_at,
            explanation=f"{amount} of refund {payout.refund.identifier}, key "
            f"{payout.idempotency_key}, at {payout.gateway}: {words}",
            within=within,
        )


def _what_is_open(payout: Payout) -> tuple[DifferenceKind, str, timedelta | None]:
    if payout.status == PayoutStatus.UNKNOWN:
        return DifferenceKind.PAYMENT_UNKNOWN, "it is unknown whether it was paid", None
    if payout.status == PayoutStatus.CALLING:
        return DifferenceKind.PAYMENT_UNDECIDED, "the gateway is being called", QUEUES_TAKE
    if payout.gateway == MANUAL:
        return DifferenceKind.PAYMENT_BY_HAND, "a person is to make it", None
    return DifferenceKind.PAYMENT_UNDECIDED, "the gateway has not decided yet", _GATEWAYS_TAKE


def _cancellations(store_id: int) -> Iterable[Found]:
    rows = (
        Rma.objects.filter(store_id=store_id, cancellation_requested_at__isnull=False)
        .exclude(status=rma_rules.CANCELED)
        .annotate(
            cents=Sum("units__estimated_refund_amount_cents"),
            in_currency=Min("units__order__currency"),
            named_order=Min("units__order_identifier"),
        )
        .order_by("pk")
    )
    for rma in rows:
        currency = rma.in_currency or UNKNOWN_CURRENCY
        yield Found(
            kind=DifferenceKind.CANCELLATION_WAITS,
            subject=rma.rma_identifier,
            since_at=rma.cancellation_requested_at or rma.folded_at,
            explanation=f"the cancellation of RMA {rma.rma_identifier}, worth "
            f"{money.show(rma.cents or 0, currency)}, was asked for, and Optoro has not confirmed "
            "it",
            currency=currency,
            amount_cents=rma.cents or 0,
            order_identifier=rma.named_order or "",
            rma_identifier=rma.rma_identifier,
        )


def _settlements(store_id: int, within: timedelta) -> Iterable[Found]:
    for row in settlements(store_id):
        if not row.is_different:
            continue
        yield Found(
            kind=DifferenceKind.SETTLEMENT,
            subject=row.order_identifier or row.rma_identifiers[0],
            since_at=row.since_at,
            explanation=row.in_words
            + (f" (transaction {row.transaction_id})" if row.transaction_id else ""),
            currency=row.currency,
            amount_cents=abs(row.difference_cents),
            order_identifier=row.original_order_identifier,
            rma_identifier=next(iter(row.rma_identifiers), ""),
            refund_identifier=next(iter(row.refund_identifiers), ""),
            within=within,
        )


def _left_to_people(store_id: int) -> Iterable[Found]:
    """What those who decide and pay have put in front of a person already."""
    for item in open_items(store_id).filter(kind__in=KNOWN_BY_EXCEPTION):
        yield Found(
            kind=KNOWN_BY_EXCEPTION[item.kind],
            subject=item.subject,
            since_at=item.opened_at,
            explanation=item.detail.replace("\n", "; "),
            order_identifier=item.order_identifier,
            rma_identifier=item.rma_identifier,
        )
