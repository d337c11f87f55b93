"""Everything the refund page shows, and one refund to act on."""

from dataclasses import dataclass

from django.db.models import Q
from django.http import Http404

from apps.attention.models import Item
from apps.attention.queries import open_items
from apps.desk.progress import Step, ticks
from apps.desk.reads.why import Why, whys
from apps.outbox import topics
from apps.outbox.models import Job
from apps.refunds.approvals import approvals_of
from apps.refunds.models import Payout, Refund, RefundLine, Source
from apps.timeline.models import Event
from apps.timeline.queries import events_about

JOBS_SHOWN = 10


@dataclass(frozen=True)
class RefundPage:
    """The refund page."""

    refund: Refund
    ticks: list[Step]
    lines: list[RefundLine]
    payouts: list[Payout]
    jobs: list[Job]
    attention: list[Item]
    events: list[Event]
    why: Why


def refund_named(*, store_id: int, identifier: str) -> Refund:
    """Returns the store's refund of that identifier; raises Http404."""
    refund = (
        Refund.objects.select_related(
            "order", "paid_order", "rma", "store", "author", "approver", "policy"
        )
        .filter(store_id=store_id, identifier=identifier)
        .first()
    )
    if refund is None:
        raise Http404(f"There is no refund {identifier} in this store.")
    return refund


def payout_of(refund: Refund, pk: int) -> Payout:
    """Returns one payout of a refund, with its attempts; raises Http404."""
    rows = refund.payouts.prefetch_related("attempts")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404(f"Refund {refund.identifier} has no payment {pk}.")
    return found


def minutes_after_approval(refund: Refund) -> int:
    """Returns how long a refund would wait, once approved, before it is paid: the policy's delay
    where automation made it, else the hold in which it can be taken back."""
    if refund.source == Source.AUTOMATIC:
        return refund.policy.payment_delay_minutes if refund.policy else 0
    approvals = approvals_of(refund.store)
    is_staff = refund.source == Source.STAFF
    return approvals.staff_hold_minutes if is_staff else approvals.api_hold_minutes


def refund_page(refund: Refund) -> RefundPage:
    """Reads the page of a refund."""
    payouts = list(refund.payouts.prefetch_related("attempts").order_by("pk"))
    return RefundPage(
        refund=refund,
        ticks=ticks(refund),
        lines=list(refund.lines.select_related("order_line").prefetch_related("units__rma_unit")),
        payouts=payouts,
        jobs=_jobs(refund, payouts),
        attention=list(open_items(refund.store_id).filter(subject=refund.identifier)),
        events=_events(refund),
        why=whys([refund])[refund.pk],
    )


def _jobs(refund: Refund, payouts: list[Payout]) -> list[Job]:
    """The outbound jobs that pay the refund or tell Optoro of its order: none that is older."""
    paying = Q(topic=topics.PAY_REFUND, key__in=[str(payout.pk) for payout in payouts])
    paying |= Q(topic=topics.SETTLE_REFUND, key=str(refund.pk))
    telling = Q(topic=topics.ORDER_SNAPSHOT, key=str(refund.order_id))
    rows = Job.objects.filter(paying | telling, store_id=refund.store_id)
    return list(rows.filter(created_at__gte=refund.created_at).order_by("-pk")[:JOBS_SHOWN])


def _events(refund: Refund) -> list[Event]:
    """A snapshot can report several refunds: such an event names them in its summary only."""
    about_order = events_about(
        store_id=refund.store_id, order_identifiers=[refund.order.identifier]
    )
    return list(
        about_order.filter(
            Q(refund_identifier=refund.identifier)
            | Q(kind="refund.reported", summary__contains=refund.identifier)
        )
    )
