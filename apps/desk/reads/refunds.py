"""Everything the refund page shows, and one refund to act on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Prefetch, Q, prefetch_related_objects
from django.http import Http404

from apps.attention.models import Item
from apps.attention.queries import open_items
from apps.common import clock
from apps.desk.progress import Step, ticks
from apps.desk.reads.why import Why, whys
from apps.outbox import topics
from apps.outbox.models import Job
from apps.payments.gateways import MANUAL
from apps.refunds.approvals import approvals_of
from apps.refunds.models import Payout, PayoutStatus, Refund, RefundLine, RefundStatus, Source
from apps.timeline.models import Event
from apps.timeline.queries import events_about

JOBS_SHOWN = 10
LATE_AFTER = timedelta(minutes=2)
UNDECIDED = (PayoutStatus.CALLING, PayoutStatus.PENDING, PayoutStatus.UNKNOWN)


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

    @property
    def maker(self) -> str:
        """Who made it, in words: a person, automation, the order system, or which API key."""
        return maker_of(self.refund, self.events)

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        refund = self.refund
        if refund.status != RefundStatus.PAID:
            return refund.status in (RefundStatus.CANCELED, RefundStatus.DECLINED)
        is_confirmed = refund.rma_id is None or refund.confirmed_at is not None
        return refund.source == Source.EXTERNAL or (refund.reported_at is not None and is_confirmed)

    @property
    def can_ask_gateway(self) -> bool:
        """Whether a gateway can be asked again what became of a payment."""
        return any(row.status in UNDECIDED and row.gateway != MANUAL for row in self.payouts)

    @property
    def can_be_queued(self) -> bool:
        """Whether a payment that is due for a while has not begun, so that it may be stuck."""
        refund = self.refund
        if refund.status == RefundStatus.PAYING:
            return any(row.status == PayoutStatus.CREATED for row in self.payouts)
        due_at = refund.payment_due_at or refund.approved_at
        is_late = due_at is not None and due_at < clock.now() - LATE_AFTER
        return refund.status == RefundStatus.APPROVED and is_late


def maker_of(refund: Refund, events: Iterable[Event]) -> str:
    """Returns who made a refund, in words; a key of the API by its name, as its events tell it."""
    if refund.author:
        return str(refund.author.get_full_name() or refund.author.get_username())
    if refund.source == Source.API:
        told = (event for event in events if event.kind == "refund.proposed")
        name = next((event.actor_name for event in told if event.actor_name), "")
        return f"API key {name}".strip() if name else "API"
    return refund.get_source_display()


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
    lines = RefundLine.objects.select_related("order_line").prefetch_related("units__rma_unit")
    prefetch_related_objects([refund], Prefetch("lines", lines))
    return RefundPage(
        refund=refund,
        ticks=ticks(refund),
        lines=list(refund.lines.all()),
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
