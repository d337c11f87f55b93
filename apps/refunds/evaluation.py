"""Automation: what is owed for an RMA's units right now, decided under the locks.

Safe to run at any time and any number of times: units that are in a live refund are left alone,
and the database refuses a second live refund of a unit.
"""

from django.db import transaction

from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.common import clock
from apps.common.errors import Refused
from apps.common.fault_points import reach
from apps.common.money import share_of
from apps.orders.queries import is_ambiguous, lock_orders
from apps.refunds import limits, services
from apps.refunds.aftermath import changes_since_refund
from apps.refunds.cancellation import show_cancellation
from apps.refunds.conversion import show_conversion
from apps.refunds.models import Refund, RefundKind, RefundLine, RefundStatus, RefundUnit, Source
from apps.refunds.payers import Payers, payers_of
from apps.refunds.policies import policy_book
from apps.refunds.proposals import proposals_for
from apps.refunds.queries import verdicts
from apps.refunds.standing import outside_refunds, unattached, why_it_no_longer_stands
from apps.refunds.types import Answer, Proposal, Verdict
from apps.refunds.withdrawal import supersede_stale_decisions, withdraw_if_canceled
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit
from apps.rmas.queries import lock_rma, units_of
from apps.rmas.services import link_units
from apps.timeline import services as timeline
from apps.timeline.types import OPTORO, SYSTEM, Actor

_BY_POLICY = "the policy leaves every refund to a person"


@transaction.atomic
def evaluate_rma(*, rma_id: int) -> list[Refund]:
    """Decides what is owed for an RMA's units, and returns the refunds decided on.

    1. lock the RMA, then the orders concerned (always in that order);
    2. link units whose order has come, attach refunds made outside to their units;
    3. withdraw what is not paid yet and no longer stands: a canceled RMA, changed grounds;
    4. refund what has reached its trigger, within the limits;
    5. an RMA in REFUNDED confirms the refunds that were reported;
    6. put in front of a person what automation must not decide.
    """
    rma = lock_rma(rma_id)
    link_units(rma)
    payers = _lock_orders_concerned(rma)
    _attach_reported_refunds(rma)
    policies = policy_book(rma.store)
    withdraw_if_canceled(rma)
    supersede_stale_decisions(rma)
    _attach_reported_refunds(rma)
    units = list(units_of([rma]))
    obstacles = _obstacles_before(rma, units)
    refunds = []
    if not _refunded_outside_for_unknown_units(rma, obstacles):
        for proposal in proposals_for(rma, units, policies, payers, obstacles):
            refund = _decide(proposal, obstacles)
            if refund:
                refunds.append(refund)
    _confirm(rma)
    reach("refund.decided")
    show_cancellation(rma)
    show_conversion(rma)
    _show_to_people(rma, units, verdicts(rma, units, policies), obstacles)
    return refunds


@transaction.atomic
def evaluate_again(*, rma: Rma, actor: Actor) -> list[Refund]:
    """Decides anew at a person's wish, with what is known now; returns the refunds decided on."""
    refunds = evaluate_rma(rma_id=rma.pk)
    found = ", ".join(refund.identifier for refund in refunds)
    timeline.record(
        store_id=rma.store_id,
        kind="rma.decided_anew",
        summary=f"Decided anew: {found or 'nothing more is refunded'}",
        actor=actor,
        rma_identifier=rma.rma_identifier,
    )
    return refunds


def _lock_orders_concerned(rma: Rma) -> Payers:
    """Locks the orders whose goods come back and those whose payment is used; returns the latter
    for each unit."""
    units = list(rma.units.select_related("order"))
    payers = payers_of(rma, units)
    goods = {unit.order_id for unit in units if unit.order_id}
    return payers.among(lock_orders(goods | {order.pk for order in payers.orders}))


def _obstacles_before(rma: Rma, units: list[RmaUnit]) -> list[str]:
    """Returns what a person should know whatever is decided now."""
    obstacles = [
        f"{name} is the secondary identifier of several orders: it is not clear which one is meant"
        for name in sorted({unit.order_identifier for unit in units if unit.order_id is None})
        if is_ambiguous(store_id=rma.store_id, identifier=name)
    ]
    lines = {unit.order_line_id: unit for unit in units if unit.order_line}
    for unit in lines.values():
        assert unit.order_line is not None
        assert unit.order is not None
        problem = limits.overdrawn(unit.order_line, unit.order.currency)
        if problem:
            obstacles.append(problem)
    return obstacles


def _refunded_outside_for_unknown_units(rma: Rma, obstacles: list[str]) -> bool:
    """A refund made outside that names this RMA but no lines may be for any of its units."""
    found = False
    for refund in outside_refunds(rma):
        rows = list(refund.lines.all())
        if not rows:
            found = True
            obstacles.append(
                f"the order system reports refund {refund.identifier} for this RMA without saying "
                "for which units"
            )
        obstacles += [
            f"the order system reports refund {refund.identifier} for {row.quantity} unit(s) of "
            f"this RMA, but {unattached(row)} of them are not there or refunded otherwise"
            for row in rows
            if unattached(row) > 0
        ]
    return found


def _decide(proposal: Proposal, obstacles: list[str]) -> Refund | None:
    """Writes a decision down, and takes it back at once where it would not stand: what is written
    must not be withdrawn and decided anew for ever."""
    assert proposal.rma is not None
    needs_approval = proposal.policy.needs_approval(proposal.rma.return_method)
    try:
        with transaction.atomic():
            refund = services.propose_refund(
                proposal=proposal, source=Source.AUTOMATIC, actor=SYSTEM
            )
            if needs_approval:
                refund = services.let_wait(refund=refund, actor=SYSTEM, waits=_BY_POLICY)
            else:
                refund = services.approve_or_wait(refund=refund, actor=SYSTEM)
            if refund.status != RefundStatus.PROPOSED:
                return refund
            problem = why_it_no_longer_stands(refund)
            if problem:
                raise Refused(problem)
            return refund
    except Refused as refusal:
        obstacles.append(str(refusal))
        return None


def _attach_reported_refunds(rma: Rma) -> None:
    """Ties refunds made outside that name this RMA to its units, so that nobody refunds them
    again. Amounts are the refund's; each unit gets an equal share of its line."""
    reported = Refund.objects.filter(
        store_id=rma.store_id,
        source=Source.EXTERNAL,
        kind=RefundKind.GOODS,
        rma_identifier=rma.rma_identifier,
        order__in=[unit.order_id for unit in rma.units.all() if unit.order_id],
    )
    for refund in reported:
        Refund.objects.filter(pk=refund.pk, rma=None).update(rma=rma)
        for line in refund.lines.all():
            _attach(rma, line)


def _attach(rma: Rma, line: RefundLine) -> None:
    """Ties as many units to a line as it says it refunds; more of them as they become known.
    Units that are to be refunded come before those that are exchanged."""
    attached = line.units.count()
    free = rma.units.filter(order_line=line.order_line).exclude(refund_units__is_live=True)
    ordered = sorted(
        free, key=lambda u: (u.refund_type != rma_rules.REFUND, u.is_withdrawn, u.ordinal)
    )
    for position, unit in enumerate(ordered[: line.quantity - attached], start=attached):
        share_cents = share_of(line.amount_cents, position, line.quantity)
        RefundUnit.objects.create(
            line=line,
            rma_unit=unit,
            amount_cents=share_cents,
            shopper_amount_cents=share_cents,
        )


def _confirm(rma: Rma) -> None:
    """The echo: REFUNDED from Optoro confirms the refunds of the RMA that it was told of."""
    if rma.status != rma_rules.REFUNDED:
        return
    paid = Refund.objects.filter(rma=rma, status=RefundStatus.PAID, confirmed_at=None).exclude(
        reported_at=None
    )
    for refund in paid.select_related("order"):
        Refund.objects.filter(pk=refund.pk).update(confirmed_at=clock.now())
        timeline.record(
            store_id=rma.store_id,
            kind="refund.confirmed",
            summary=f"Optoro confirmed refund {refund.identifier}",
            actor=OPTORO,
            order_identifier=refund.order.identifier,
            rma_identifier=rma.rma_identifier,
            refund_identifier=refund.identifier,
            occurred_at=rma.remote_updated_at,
        )


def _show_to_people(
    rma: Rma, units: list[RmaUnit], found: dict[int, Verdict], obstacles: list[str]
) -> None:
    for_people = [
        unit
        for unit in units
        if found[unit.pk].answer == Answer.PERSON and not found[unit.pk].is_shown_elsewhere
    ]
    reasons: dict[str, list[str]] = {}
    for unit in for_people:
        reasons.setdefault(found[unit.pk].reason, []).append(unit.label)
    details = [f"{'; '.join(names)}: {reason}" for reason, names in sorted(reasons.items())]
    details += sorted(set(obstacles))
    is_closed = rma.status == rma_rules.REFUNDED
    _show(rma, Kind.CONFIRMED_WITHOUT_REFUND, details if is_closed else [])
    _show(rma, Kind.REFUND_NEEDS_DECISION, [] if is_closed else details)
    _show(rma, Kind.CHANGED_AFTER_REFUND, changes_since_refund(units))


def _show(rma: Rma, kind: Kind, details: list[str]) -> None:
    if not details:
        close_items(
            store_id=rma.store_id,
            kind=kind,
            subject=rma.rma_identifier,
            resolution="its cause is gone",
        )
        return
    names = rma.units.values_list("order_identifier", flat=True)
    open_item(
        store_id=rma.store_id,
        kind=kind,
        subject=rma.rma_identifier,
        rma_identifier=rma.rma_identifier,
        order_identifier=names[0] if names else "",
        detail="\n".join(details),
    )
