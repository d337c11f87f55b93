"""Finding what is due and does not happen: payments and settlements, jobs that fail again and
again, and refunds that nobody has decided on.

Each function is one query, whatever the number of refunds.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import (
    CharField,
    Exists,
    F,
    IntegerField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
)
from django.db.models.functions import Cast, Coalesce

from apps.common import money
from apps.outbox import topics
from apps.outbox.models import Job, JobState
from apps.payments.gateways import MANUAL
from apps.reconciliation.rules import DifferenceKind, Found
from apps.refunds.models import Payout, PayoutStatus, Refund, RefundStatus

# How long the desk's own queues may take to do what follows from a message.
QUEUES_TAKE = timedelta(minutes=15)
# A job that failed as often in a row, or for as long, does not mend itself.
FAILURES_IN_A_ROW = 10
FAILING_FOR = timedelta(hours=1)

UNDECIDED = (PayoutStatus.CALLING, PayoutStatus.PENDING)
UNFINISHED = (RefundStatus.APPROVED, RefundStatus.PAYING, RefundStatus.UNKNOWN)
_TO_PAY = (PayoutStatus.CREATED, PayoutStatus.CALLING, PayoutStatus.UNKNOWN)

_OPEN_JOBS = (JobState.WAITING, JobState.IN_FLIGHT)
# Payments are not among them: one whose outcome stays unknown is asked about again and again, and
# stands as such.
_WATCHED = (
    topics.EVALUATE_RMA,
    topics.LINK_ORDER,
    topics.SETTLE_REFUND,
    topics.ORDER_SNAPSHOT,
)
_ERROR_LENGTH = 300


def _jobs(topic: str, key: str, *states: str) -> QuerySet[Job]:
    return Job.objects.filter(
        topic=topic,
        key=Cast(OuterRef(key), CharField(max_length=64)),
        state__in=states or _OPEN_JOBS,
    )


def has_job(topic: str, key: str, *states: str) -> Exists:
    """Whether a job of the topic is there whose key is the row's `key`, in one of the states."""
    return Exists(_jobs(topic, key, *states))


def _failures(topic: str, key: str) -> Coalesce:
    newest = _jobs(topic, key).order_by("-failures", "-pk").values("failures")[:1]
    return Coalesce(Subquery(newest, output_field=IntegerField()), 0)


def _error(topic: str, key: str) -> Coalesce:
    newest = _jobs(topic, key).order_by("-failures", "-pk").values("error")[:1]
    return Coalesce(Subquery(newest, output_field=TextField()), Value("", output_field=TextField()))


def about_payout(
    payout: Payout,
    kind: DifferenceKind,
    *,
    since_at: datetime,
    explanation: str,
    within: timedelta | None,
) -> Found:
    """Returns a difference that is about one payout; its refund and order must be read."""
    refund = payout.refund
    return Found(
        kind=kind,
        subject=refund.identifier,
        since_at=since_at,
        explanation=explanation,
        currency=payout.currency,
        amount_cents=payout.amount_cents,
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        refund_identifier=refund.identifier,
        within=within,
    )


def _about_refund(
    refund: Refund,
    kind: DifferenceKind,
    *,
    since_at: datetime,
    explanation: str,
    within: timedelta | None = None,
) -> Found:
    return Found(
        kind=kind,
        subject=refund.identifier,
        since_at=since_at,
        explanation=explanation,
        currency=refund.currency,
        amount_cents=refund.total_refund_amount_cents,
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        refund_identifier=refund.identifier,
        within=within,
    )


def _is_due(now: datetime, prefix: str = "") -> Q:
    return Q(**{f"{prefix}payment_due_at": None}) | Q(**{f"{prefix}payment_due_at__lte": now})


def _due_at(prefix: str = "") -> Coalesce:
    names = ("payment_due_at", "approved_at", "created_at")
    return Coalesce(*(F(f"{prefix}{name}") for name in names))


def stuck_payouts(store_id: int, now: datetime) -> Iterable[Found]:
    """Payouts that a job must make, or ask about, and that have none; and those whose payment does
    not begin, although they have one."""
    asked_about = Q(status__in=_TO_PAY) | Q(status=PayoutStatus.PENDING) & ~Q(gateway=MANUAL)
    does_not_begin = Q(refund__status=RefundStatus.APPROVED, due_at__lte=now - QUEUES_TAKE)
    fails = Q(status=PayoutStatus.CREATED, failures__gte=FAILURES_IN_A_ROW)
    rows = (
        Payout.objects.filter(
            asked_about,
            _is_due(now, "refund__"),
            store_id=store_id,
            refund__status__in=UNFINISHED,
        )
        .annotate(
            has_job=has_job(topics.PAY_REFUND, "pk"),
            failures=_failures(topics.PAY_REFUND, "pk"),
            last_error=_error(topics.PAY_REFUND, "pk"),
            due_at=_due_at("refund__"),
        )
        .filter(Q(has_job=False) | does_not_begin | fails)
        .select_related("refund__order")
        .defer("refund__raw", "refund__order__raw")
        .order_by("pk")
    )
    for payout in rows:
        refund = payout.refund
        amount = money.show(payout.amount_cents, payout.currency)
        why = "and no job waits to pay it or to ask about it"
        if payout.has_job:
            why = f"and due: {_of_the_job(payout.failures, payout.last_error)}"
        yield about_payout(
            payout,
            DifferenceKind.PAYMENT_STUCK,
            since_at=payout.due_at,
            explanation=f"{amount} of refund {refund.identifier}, key {payout.idempotency_key}, is "
            f"{PayoutStatus(payout.status).label.lower()}, {why}",
            within=None,
        )


def stuck_refunds(store_id: int, now: datetime) -> Iterable[Found]:
    """Refunds that are not finished and have no payout that could finish them: approved ones that
    no job settles, or whose job does not do it, and those whose payments have all ended."""
    payouts = Payout.objects.filter(refund=OuterRef("pk"), status__in=(*_TO_PAY, *UNDECIDED))
    is_approved = Q(status=RefundStatus.APPROVED)
    rows = (
        Refund.objects.filter(_is_due(now), store_id=store_id, status__in=UNFINISHED)
        .exclude(Exists(payouts))
        .annotate(
            has_job=has_job(topics.SETTLE_REFUND, "pk"),
            failures=_failures(topics.SETTLE_REFUND, "pk"),
            last_error=_error(topics.SETTLE_REFUND, "pk"),
            due_at=_due_at(),
        )
        .filter(~is_approved | Q(has_job=False) | Q(due_at__lte=now - QUEUES_TAKE))
        .select_related("order")
        .defer("raw", "order__raw")
        .order_by("pk")
    )
    for refund in rows:
        amount = money.show(refund.total_refund_amount_cents, refund.currency)
        status = refund.get_status_display().lower()
        why = "and due, and has neither a payment nor a job that settles it"
        if refund.status != RefundStatus.APPROVED:
            why = "but none of its payments is open any more"
        elif refund.has_job:
            why = f"and due: {_of_the_job(refund.failures, refund.last_error)}"
        yield _about_refund(
            refund,
            DifferenceKind.PAYMENT_STUCK,
            since_at=refund.due_at,
            explanation=f"{amount} of refund {refund.identifier} is {status} {why}",
        )


def _of_the_job(failures: int, error: str) -> str:
    if not failures:
        return "its job waits, and has not run"
    return f"its job has {_failed(failures, error)}"


def _failed(failures: int, error: str) -> str:
    times = "once" if failures == 1 else f"{failures} times in a row"
    # An error of ours is a traceback, which says what it is in its last line.
    told = error.strip().splitlines()[-1:] or ["none was written down"]
    return f"failed {times}; the last error: {told[0][:_ERROR_LENGTH]}"


def failing_jobs(store_id: int, now: datetime) -> Iterable[Found]:
    """Jobs that fail again and again: what follows from a message does not happen. Those that are
    held have an exception of their own, and the snapshot of a refund that is not reported stands as
    that."""
    unreported = Refund.objects.filter(
        store_id=store_id, status=RefundStatus.PAID, reported_at=None
    ).annotate(as_key=Cast("order_id", CharField(max_length=64)))
    rows = (
        Job.objects.filter(
            store_id=store_id, topic__in=_WATCHED, state__in=_OPEN_JOBS, failures__gt=0
        )
        .exclude(topic=topics.ORDER_SNAPSHOT, key__in=unreported.values("as_key"))
        .annotate(first_at=Coalesce(Min("attempts__started_at"), F("created_at")))
        .filter(Q(failures__gte=FAILURES_IN_A_ROW) | Q(first_at__lte=now - FAILING_FOR))
        .order_by("pk")
    )
    for job in rows:
        label = job.label or job.key
        is_of_rma, is_of_refund = (
            job.topic == topic for topic in (topics.EVALUATE_RMA, topics.SETTLE_REFUND)
        )
        yield Found(
            kind=DifferenceKind.JOB_FAILS,
            subject=f"{job.topic} {label}",
            since_at=job.first_at,
            explanation=f"“{topics.LABELS[job.topic]}” of {label} has "
            f"{_failed(job.failures, job.error)}",
            order_identifier="" if is_of_rma or is_of_refund else label,
            rma_identifier=label if is_of_rma else "",
            refund_identifier=label if is_of_refund else "",
        )


def waiting_for_approval(store_id: int, within: timedelta) -> Iterable[Found]:
    """Refunds that a person is to decide on."""
    rows = (
        Refund.objects.filter(store_id=store_id, status=RefundStatus.PROPOSED)
        .select_related("order")
        .defer("raw", "order__raw")
        .order_by("pk")
    )
    for refund in rows:
        amount = money.show(refund.total_refund_amount_cents, refund.currency)
        why = f": {refund.approval_reason}" if refund.approval_reason else ""
        yield _about_refund(
            refund,
            DifferenceKind.WAITS_FOR_APPROVAL,
            since_at=refund.created_at,
            explanation=f"{amount} of refund {refund.identifier} on order "
            f"{refund.order.identifier} waits for approval{why}",
            within=within,
        )
