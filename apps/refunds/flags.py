"""Stopping automation for one order or return, and letting it go on.

A flag takes nothing from people: they can still refund what is flagged.
"""

from django.db import transaction

from apps.cases import services as cases
from apps.cases.models import Case, SubjectKind
from apps.common.errors import Refused
from apps.orders.models import Order
from apps.refunds import services
from apps.refunds.jobs import enqueue_evaluation
from apps.refunds.models import Refund, RefundStatus, Source
from apps.rmas.models import Rma
from apps.rmas.queries import lock_rma, rmas_touched_by
from apps.stores.models import Store
from apps.timeline.types import Actor

_UNPAID = (RefundStatus.PROPOSED, RefundStatus.APPROVED)


@transaction.atomic
def flag(
    *, store: Store, subject_kind: str, subject: str, reason: str, actor: Actor, flagger: str
) -> Case:
    """Stops automation for an order or a return: it decides nothing from now on, and what it has
    decided and not paid is withdrawn. What people decided stays.

    `flagger` names the person. Raises Refused without a reason, and where the store knows no such
    order or return.
    """
    if not reason.strip():
        raise Refused("reason: write why automation must leave it alone")
    rmas = _locked_rmas(store, subject_kind, subject)
    for refund in _automatic_and_unpaid(rmas, subject_kind, subject):
        _withdraw(refund, actor, f"automation was stopped: {reason.strip()}")
    case = cases.set_flag(
        store_id=store.pk,
        subject_kind=subject_kind,
        subject=subject,
        reason=reason.strip(),
        flagger=flagger,
        actor=actor,
    )
    _look_again(rmas)
    return case


@transaction.atomic
def unflag(*, store: Store, subject_kind: str, subject: str, actor: Actor) -> Case:
    """Lets automation go on with an order or a return: it decides anew, with what is known then.

    Raises Refused where it is not flagged, and where the store knows no such order or return.
    """
    rmas = _locked_rmas(store, subject_kind, subject)
    flagged = Case.objects.filter(
        store=store, subject_kind=subject_kind, subject=subject, flagged_at__isnull=False
    )
    if not flagged.exists():
        raise Refused(f"{SubjectKind(subject_kind).label.lower()} {subject} is not flagged")
    case = cases.set_flag(
        store_id=store.pk,
        subject_kind=subject_kind,
        subject=subject,
        reason="",
        flagger="",
        actor=actor,
    )
    _look_again(rmas)
    return case


def _locked_rmas(store: Store, subject_kind: str, subject: str) -> list[Rma]:
    """Locks the returns concerned, in the order of their keys: decisions are made under these."""
    if subject_kind == SubjectKind.RMA:
        rma = Rma.objects.filter(store=store, rma_identifier=subject).first()
        if rma is None:
            raise Refused(f"there is no return {subject} in this store")
        return [lock_rma(rma.pk)]
    order = Order.objects.filter(store=store, identifier=subject).first()
    if order is None:
        raise Refused(f"there is no order {subject} in this store")
    return [lock_rma(pk) for pk in sorted(rma.pk for rma in rmas_touched_by(order))]


def _automatic_and_unpaid(rmas: list[Rma], subject_kind: str, subject: str) -> list[Refund]:
    refunds = Refund.objects.filter(rma__in=rmas, source=Source.AUTOMATIC, status__in=_UNPAID)
    if subject_kind == SubjectKind.ORDER:
        refunds = refunds.filter(order__identifier=subject)
    return list(refunds.select_related("order", "paid_order", "store", "rma").order_by("pk"))


def _withdraw(refund: Refund, actor: Actor, reason: str) -> None:
    try:
        services.cancel_refund(refund=refund, actor=actor, reason=reason, is_superseded=True)
    except Refused:
        return  # its payment began in between: it is past recall


def _look_again(rmas: list[Rma]) -> None:
    for rma in rmas:
        enqueue_evaluation(rma)
