"""What follows if somebody cancels or converts a return, decides on it anew, or excludes a unit:
spelled out before it happens. What stands here is only shown; the services look again."""

from collections.abc import Iterable
from dataclasses import dataclass

from apps.desk.reads.rmas import Standing, UnitView, standings_of, unit_views, why_not_decidable
from apps.desk.reads.rows import ExchangeRow, exchange_rows_of
from apps.exchanges.queries import exchange_orders_of_rma
from apps.refunds.cancellation import why_not_cancelable
from apps.refunds.conversion import why_not_convertible
from apps.refunds.models import Refund, RefundKind, RefundStatus, Source
from apps.refunds.rules import LIVE_STATUSES
from apps.refunds.types import Answer
from apps.rmas.models import Rma

_UNPAID = (RefundStatus.PROPOSED, RefundStatus.APPROVED)


@dataclass(frozen=True)
class Estimate:
    """Units and what Optoro estimates for the shopper for them (cents); without a currency while
    none of their orders is known."""

    units: int
    shopper_cents: int
    currency: str


@dataclass(frozen=True)
class CancellationPlan:
    """What a request for cancellation leads to: `refunds` are canceled, `goodwill` stays,
    `unrefunded` are not refunded, `exchanges` were placed for it. `problem` says why it cannot be
    asked for."""

    problem: str
    refunds: list[Refund]
    goodwill: list[Refund]
    unrefunded: Estimate
    exchanges: list[ExchangeRow]


@dataclass(frozen=True)
class ConversionPlan:
    """What a request for conversion leads to. `problem` says why it cannot be asked for."""

    problem: str
    exchanged: Estimate


@dataclass(frozen=True)
class DecisionPlan:
    """What deciding anew looks at: where the units stand, and what could be withdrawn because it
    is not paid. `problem` says why it would lead to nothing."""

    problem: str
    standings: list[Standing]
    unpaid: list[Refund]
    due: Estimate


@dataclass(frozen=True)
class ExclusionPlan:
    """What excluding a unit leads to: `refund` is withdrawn, with `others` of its units decided on
    anew. `problem` says why it cannot be excluded."""

    problem: str
    view: UnitView
    currency: str
    refund: Refund | None
    others: int


def cancellation_plan(rma: Rma) -> CancellationPlan:
    """Reads what asking for an RMA's cancellation leads to."""
    problem = why_not_cancelable(rma)
    of_rma = Refund.objects.filter(store_id=rma.store_id, rma_identifier=rma.rma_identifier)
    live = list(of_rma.filter(status__in=LIVE_STATUSES).order_by("pk"))
    goods = [r for r in live if r.kind == RefundKind.GOODS and r.status in _UNPAID]
    return CancellationPlan(
        problem=problem,
        refunds=[] if problem else goods,
        goodwill=[refund for refund in live if refund.kind == RefundKind.GOODWILL],
        unrefunded=_estimate(view for view in unit_views(rma) if not view.unit.is_withdrawn),
        exchanges=exchange_rows_of(exchange_orders_of_rma(rma)),
    )


def conversion_plan(rma: Rma) -> ConversionPlan:
    """Reads what asking for an RMA's conversion leads to."""
    views = [view for view in unit_views(rma) if not view.unit.is_withdrawn]
    return ConversionPlan(problem=why_not_convertible(rma), exchanged=_estimate(views))


def decision_plan(rma: Rma) -> DecisionPlan:
    """Reads what deciding anew on an RMA looks at."""
    views = unit_views(rma)
    unpaid = Refund.objects.filter(rma=rma, status__in=_UNPAID, kind=RefundKind.GOODS)
    return DecisionPlan(
        problem=why_not_decidable(rma),
        standings=standings_of(views),
        unpaid=list(unpaid.exclude(source=Source.EXTERNAL).order_by("pk")),
        due=_estimate(view for view in views if view.verdict.answer == Answer.REFUND),
    )


def exclusion_plan(rma: Rma, unit_id: int) -> ExclusionPlan | None:
    """Reads what excluding a unit of an RMA leads to; None where the RMA has no such unit."""
    views = unit_views(rma)
    view = next((view for view in views if view.unit.pk == unit_id), None)
    if view is None:
        return None
    live = view.refund if view.verdict.answer == Answer.REFUNDED else None
    members = [other for other in views if live and other.refund == live]
    return ExclusionPlan(
        problem=view.why_not_excludable,
        view=view,
        currency=_currency([view]),
        refund=live,
        others=len([other for other in members if other is not view]),
    )


def _estimate(views: Iterable[UnitView]) -> Estimate:
    views = list(views)
    cents = sum(view.unit.shopper_refund_amount_cents for view in views)
    return Estimate(len(views), cents, _currency(views))


def _currency(views: Iterable[UnitView]) -> str:
    return next((view.unit.order.currency for view in views if view.unit.order), "")
