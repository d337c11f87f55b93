"""Leaving a unit of a return out: a person's word that it is not refunded, until it is let in
again."""

from collections.abc import Iterable

from django.db import transaction

from apps.common import clock
from apps.common.errors import Refused
from apps.refunds import services
from apps.refunds.jobs import enqueue_evaluation
from apps.refunds.models import Refund, RefundStatus, Source
from apps.rmas.models import Rma, RmaUnit
from apps.rmas.queries import lock_rma
from apps.timeline import services as timeline
from apps.timeline.types import Actor, Change

_FIELDS = ("excluded_at", "exclusion_reason", "excluder")


@transaction.atomic
def exclude_unit(*, unit: RmaUnit, reason: str, actor: Actor, excluder: str) -> RmaUnit:
    """Leaves a unit out of every refund of its return, by automation and by people. What automation
    had decided for it and not paid is withdrawn; the return's other units are decided on anew.

    `excluder` names the person. Raises Refused without a reason, and for a unit that is refunded or
    in a refund that a person made.
    """
    if not reason.strip():
        raise Refused("reason: write why the unit is not refunded")
    rma, unit = _locked(unit)
    if unit.is_excluded:
        return unit
    problem = why_not_excludable(unit)
    if problem:
        raise Refused(problem)
    for refund in _live_refunds(unit):
        services.cancel_refund(
            refund=refund,
            actor=actor,
            reason=f"{unit.label} was excluded: {reason.strip()}",
            is_superseded=True,
        )
    unit.excluded_at = clock.now()
    unit.exclusion_reason, unit.excluder = reason.strip()[:255], excluder[:150]
    unit.save(update_fields=list(_FIELDS))
    change = Change(f"unit {unit} exclusion", None, unit.exclusion_reason)
    _tell(rma, "unit.excluded", f"Excluded {unit.label}: {unit.exclusion_reason}", actor, change)
    enqueue_evaluation(rma)
    return unit


@transaction.atomic
def include_unit(*, unit: RmaUnit, actor: Actor) -> RmaUnit:
    """Lets an excluded unit in again: automation decides on it anew, and people can refund it.

    Raises Refused for a unit that is not excluded.
    """
    rma, unit = _locked(unit)
    if not unit.is_excluded:
        raise Refused(f"{unit.label} of RMA {rma.rma_identifier} is not excluded")
    change = Change(f"unit {unit} exclusion", unit.exclusion_reason, None)
    unit.excluded_at, unit.exclusion_reason, unit.excluder = None, "", ""
    unit.save(update_fields=list(_FIELDS))
    _tell(rma, "unit.included", f"Let {unit.label} in again", actor, change)
    enqueue_evaluation(rma)
    return unit


def why_not_excludable(unit: RmaUnit, *, refunds: Iterable[Refund] | None = None) -> str:
    """Returns, in words, why a unit cannot be excluded, or "". `refunds` are the live ones that the
    unit is in, where they are read already."""
    for refund in _live_refunds(unit) if refunds is None else refunds:
        state = refund.get_status_display().lower()
        if refund.status not in (RefundStatus.PROPOSED, RefundStatus.APPROVED):
            return f"{unit.label} is in refund {refund.identifier}, which is {state}"
        if refund.source != Source.AUTOMATIC:
            return (
                f"{unit.label} is in refund {refund.identifier}, which is {state}: cancel that "
                "refund or take it back first"
            )
    return ""


def _locked(unit: RmaUnit) -> tuple[Rma, RmaUnit]:
    rma = lock_rma(unit.rma_id)
    return rma, rma.units.select_related("order", "order_line").get(pk=unit.pk)


def _live_refunds(unit: RmaUnit) -> list[Refund]:
    rows = Refund.objects.filter(lines__units__rma_unit=unit, lines__units__is_live=True)
    rows = rows.select_related("order", "paid_order", "store", "rma")
    return list(rows.distinct().order_by("pk"))


def _tell(rma: Rma, kind: str, summary: str, actor: Actor, change: Change) -> None:
    timeline.record(
        store_id=rma.store_id,
        kind=kind,
        summary=summary,
        actor=actor,
        rma_identifier=rma.rma_identifier,
        changes=[change],
    )
