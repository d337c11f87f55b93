"""Everything the page of an outbound job shows: its attempts, and what each would have changed."""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, Case, QuerySet, Value, When
from django.db.models.functions import Left

from apps.attention.models import Kind
from apps.attention.rules import WHAT_TO_DO
from apps.desk.reads.differences import SHOWN_DIFFERENCES, Difference, differences
from apps.desk.reads.raw import ATTEMPTS_SHOWN
from apps.orders.models import Order
from apps.outbox import topics
from apps.outbox.models import Attempt, Job, JobState, Outcome
from apps.publisher.snapshots import build_snapshot
from apps.reconciliation.rules import age_in_words

# A body above this is not compared: the page must stay quick, and the raw text is a click away.
COMPARED_CHARACTERS = 1_000_000
# How many jobs of the same order are looked through for what was sent before.
_JOBS_BEFORE = 50
_EXCERPT = 300


@dataclass(frozen=True)
class AttemptView:
    """An attempt without its bodies: how it ended in words, how long it took, and the beginning of
    the answer."""

    attempt: Attempt
    ended: str
    took: str
    excerpt: str
    has_bodies: bool


@dataclass(frozen=True)
class Comparison:
    """Two snapshots of one order, and what differs; `is_too_large` where they were not compared.

    `before` is None where nothing was sent before, `after` where the newer one is not sent yet.
    """

    before: Attempt | None
    after: Attempt | None
    changes: list[Difference]
    more_changes: int
    currency: str
    is_too_large: bool


@dataclass(frozen=True)
class JobPage:
    """The page of a job, beside its own row."""

    attempts: list[AttemptView]
    has_more_attempts: bool
    comparison: Comparison | None
    is_snapshot: bool
    what_to_do: str


def job_page(job: Job, *, compares_now: bool) -> JobPage:
    """Reads the page of a job. Of snapshots the last one sent by this job is compared with the one
    that Optoro accepted before; with `compares_now` what would be sent now with the last sent."""
    attempts, has_more = _attempts(job)
    is_snapshot = job.topic == topics.ORDER_SNAPSHOT
    comparison = None
    if is_snapshot:
        comparison = _with_now(job) if compares_now else _with_before(job)
    return JobPage(
        attempts=attempts,
        has_more_attempts=has_more,
        comparison=comparison,
        is_snapshot=is_snapshot,
        what_to_do=_what_to_do(job),
    )


def _attempts(job: Job) -> tuple[list[AttemptView], bool]:
    """The newest attempts. Bodies can be large, so only whether there are any is read."""
    is_empty = When(request_body="", response_body="", then=Value(False))
    rows = list(
        job.attempts.annotate(
            has_bodies=Case(is_empty, default=Value(True), output_field=BooleanField()),
            excerpt=Left("response_body", _EXCERPT),
        )
        .defer("request_body", "response_body")
        .order_by("-number")[: ATTEMPTS_SHOWN + 1]
    )
    return [_view(row) for row in rows[:ATTEMPTS_SHOWN]], len(rows) > ATTEMPTS_SHOWN


def _view(row: Any) -> AttemptView:
    took = age_in_words(row.finished_at - row.started_at) if row.finished_at else ""
    return AttemptView(
        attempt=row,
        ended=_ended(row),
        took="less than a second" if took.startswith("0 ") else took,
        excerpt=row.excerpt,
        has_bodies=row.has_bodies,
    )


def _ended(attempt: Attempt) -> str:
    """What kind of end it was, in words."""
    status = attempt.status_code
    if attempt.outcome == Outcome.RUNNING:
        return "A worker is at it."
    if attempt.outcome == Outcome.LEASE_EXPIRED:
        return "The worker fell silent: whether it was sent is not known."
    if attempt.outcome == Outcome.DONE:
        return f"Accepted with {status}." if status else "Worked."
    if status is None:
        return "No answer came, or the desk itself failed; the error says which."
    if attempt.outcome == Outcome.HELD:
        return f"Refused with {status}: the same again would be refused again."
    return f"Answered {status}: tried again by itself."


def _with_before(job: Job) -> Comparison | None:
    """Compares the last snapshot this job sent with the one that Optoro accepted before it."""
    sent = _newest_sent(job.attempts.all())
    if sent is None:
        return None
    return _compare(job, _accepted_before(job, sent.pk), sent, _order_in(sent.request_body))


def _with_now(job: Job) -> Comparison | None:
    """Compares what would be sent now with the last snapshot that Optoro accepted."""
    order = Order.objects.filter(store_id=job.store_id, pk=job.key).first()
    if order is None:
        return None
    return _compare(job, _accepted_before(job, None), None, _only(build_snapshot(order).content))


def _newest_sent(rows: QuerySet[Attempt]) -> Attempt | None:
    return rows.exclude(request_body="").order_by("-pk").first()


def _accepted_before(job: Job, attempt_pk: int | None) -> Attempt | None:
    """The last attempt for the same order that Optoro accepted, before that one if one is given."""
    jobs = Job.objects.filter(topic=job.topic, key=job.key, store_id=job.store_id)
    if attempt_pk is not None:
        jobs = jobs.filter(pk__lte=job.pk)
    keys = list(jobs.order_by("-pk").values_list("pk", flat=True)[:_JOBS_BEFORE])
    rows = Attempt.objects.filter(job_id__in=keys, outcome=Outcome.DONE)
    return _newest_sent(rows if attempt_pk is None else rows.filter(pk__lt=attempt_pk))


def _compare(job: Job, before: Attempt | None, after: Attempt | None, new: Any) -> Comparison:
    old = _order_in(before.request_body) if before else None
    is_too_large = new is None or (before is not None and old is None)
    changes = [] if is_too_large or before is None else differences(old, new)
    currency = new.get("currency", "") if isinstance(new, dict) else ""
    return Comparison(
        before=before,
        after=after,
        changes=changes[:SHOWN_DIFFERENCES],
        more_changes=len(changes[SHOWN_DIFFERENCES:]),
        currency=currency if isinstance(currency, str) else "",
        is_too_large=is_too_large,
    )


def _order_in(body: str) -> Any:
    """The order in a snapshot's body; None where it is too large to be compared, or is no JSON."""
    if len(body) > COMPARED_CHARACTERS:
        return None
    try:
        return _only(json.loads(body))
    except (ValueError, RecursionError):
        return None


def _only(content: Any) -> Any:
    """Unwraps the one order of a snapshot; anything else is compared as it is."""
    try:
        [order] = content["returns_portal_order"]["orders"]
    except (KeyError, TypeError, ValueError):
        return content
    return order


def _what_to_do(job: Job) -> str:
    """What a person does about a job that is held or fails."""
    if job.state == JobState.HELD and job.topic == topics.ORDER_SNAPSHOT:
        return WHAT_TO_DO[Kind.SNAPSHOT_HELD]
    return WHAT_TO_DO[Kind.JOB_FAILS] if job.state == JobState.WAITING and job.failures else ""
