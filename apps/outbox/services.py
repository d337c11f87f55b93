"""Enqueuing jobs, claiming them, and writing down how they ended."""

import logging
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from apps.common import clock
from apps.common.nudge import nudge_after_commit
from apps.common.redaction import hide_secrets, storable
from apps.outbox.models import Attempt, Job, JobState, Outcome
from apps.outbox.rules import LEASE_SECONDS, retry_delay
from apps.outbox.types import ClaimedJob, Result

logger = logging.getLogger(__name__)

# The name of the task in tasks.py that works off what is due.
RUN_DUE = "outbox.run_due"


def enqueue(
    *, store_id: int, topic: str, key: object, label: str = "", not_before: datetime | None = None
) -> None:
    """Makes sure a job for (topic, key) is waiting; call it in the transaction of its cause.

    A job that already waits serves both causes: what it does is worked out when it runs. A job
    that waits for a retry keeps its time, so that new causes do not undo the backoff.
    """
    due_at = not_before or clock.now()
    waiting = Job.objects.filter(topic=topic, key=str(key), state=JobState.WAITING)
    while not _bring_forward(waiting, due_at):
        try:
            with transaction.atomic():
                Job.objects.create(
                    store_id=store_id, topic=topic, key=str(key), label=label, not_before=due_at
                )
            break
        except IntegrityError:
            # Somebody else's job waits now; by the next look it may be claimed already, before
            # this cause is committed, and then it takes a job of its own.
            continue
    nudge_after_commit(RUN_DUE)


def _bring_forward(waiting: QuerySet[Job], due_at: datetime) -> bool:
    """Locks the job that waits, so that it cannot be claimed before its new cause is committed."""
    job = waiting.select_for_update().first()
    if job is None:
        return False
    if job.not_before > due_at and not job.failures:
        waiting.filter(pk=job.pk).update(not_before=due_at)
    return True


def claim_next() -> ClaimedJob | None:
    """Claims the job that is due longest, with an attempt row; None when nothing is due."""
    flying = Job.objects.filter(
        topic=OuterRef("topic"), key=OuterRef("key"), state=JobState.IN_FLIGHT
    )
    due = Job.objects.filter(state=JobState.WAITING, not_before__lte=clock.now())
    candidates = (
        due.filter(~Exists(flying)).order_by("not_before", "id").values_list("pk", flat=True)
    )
    for pk in candidates[:20]:
        claimed = _claim(pk)
        if claimed:
            return claimed
    return None


def _claim(pk: int) -> ClaimedJob | None:
    lease_until = clock.in_seconds(LEASE_SECONDS)
    try:
        with transaction.atomic():
            # Looked at again: meanwhile another worker may have tried it and put it back.
            due = Job.objects.filter(pk=pk, state=JobState.WAITING, not_before__lte=clock.now())
            if not due.update(state=JobState.IN_FLIGHT, lease_until=lease_until):
                return None
            job = Job.objects.get(pk=pk)
            attempt = Attempt.objects.create(
                job=job, number=job.attempts.count() + 1, started_at=clock.now()
            )
    except IntegrityError:
        return None  # another worker has a job of the same key in flight
    return ClaimedJob(
        job.pk, attempt.pk, job.store_id, job.topic, job.key, job.failures, lease_until
    )


def extend_lease(claimed: ClaimedJob) -> bool:
    """Has a handler that works for longer hold its job for another full lease from now on.
    Returns False where the lease has run out and the job was given back: the handler must stop,
    because another worker may be at it."""
    lease_until = clock.in_seconds(LEASE_SECONDS)
    held = Job.objects.filter(
        pk=claimed.job_id, state=JobState.IN_FLIGHT, lease_until=claimed.lease_until
    )
    if not held.update(lease_until=lease_until):
        return False
    claimed.lease_until = lease_until
    return True


@transaction.atomic
def finish(*, claimed: ClaimedJob, result: Result) -> None:
    """Writes down how an attempt ended, and what becomes of its job."""
    Attempt.objects.filter(pk=claimed.attempt_id).update(
        finished_at=clock.now(),
        outcome=result.outcome,
        status_code=result.status_code,
        error=_evidence(result.error),
        request_body=result.request_body,
        response_body=_evidence(result.response_body),
    )
    job = Job.objects.select_for_update().get(pk=claimed.job_id)
    held_by_us = job.state == JobState.IN_FLIGHT and job.lease_until == claimed.lease_until
    if not held_by_us:
        logger.warning("job %s: its lease was lost before it finished", job.pk)
        return
    job.error = _evidence(result.error)
    job.error_details = result.details
    if result.outcome == Outcome.RETRY:
        _put_back(job)
    else:
        job.state = JobState.DONE if result.outcome == Outcome.DONE else JobState.HELD
        job.finished_at = clock.now()
        job.save()


def _evidence(text: str) -> str:
    return storable(hide_secrets(text))


def _put_back(job: Job) -> None:
    """Returns a job to the queue; where a newer one waits already, that one takes over."""
    failures = job.failures + 1
    delay = retry_delay(failures, settings.OUTBOX_RETRY_BASE_SECONDS)
    not_before = clock.in_seconds(delay)
    waiting = Job.objects.filter(topic=job.topic, key=job.key, state=JobState.WAITING)
    while True:
        successor = waiting.select_for_update().first()
        if successor:
            job.state = JobState.DONE
            job.finished_at = clock.now()
            job.save()
            waiting.filter(pk=successor.pk).update(
                failures=failures,
                not_before=not_before,
                error=job.error,
                error_details=job.error_details,
            )
            return
        job.state = JobState.WAITING
        job.failures = failures
        job.not_before = not_before
        try:
            with transaction.atomic():
                job.save()
            return
        except IntegrityError:
            continue  # a newer one was enqueued at this moment, and takes over


def release_expired_leases() -> int:
    """Puts jobs back whose worker fell silent; returns how many."""
    expired = Job.objects.filter(state=JobState.IN_FLIGHT, lease_until__lt=clock.now())
    released = 0
    for pk in list(expired.values_list("pk", flat=True)[:500]):
        with transaction.atomic():
            job = expired.select_for_update().filter(pk=pk).first()
            if job is None:
                continue
            job.attempts.filter(outcome=Outcome.RUNNING).update(
                outcome=Outcome.LEASE_EXPIRED, finished_at=clock.now()
            )
            job.error = "the worker that had this job fell silent"
            _put_back(job)
            released += 1
    return released


def resend(*, job: Job) -> None:
    """Queues the subject of `job` once more, at once, by a person's wish."""
    with transaction.atomic():
        enqueue(store_id=job.store_id, topic=job.topic, key=job.key, label=job.label)
        Job.objects.filter(topic=job.topic, key=job.key, state=JobState.WAITING).update(
            not_before=clock.now(), failures=0
        )
        Job.objects.filter(pk=job.pk, state=JobState.HELD).update(
            state=JobState.DONE, finished_at=clock.now()
        )


def clear_held(*, topic: str, key: object) -> None:
    """Ends the held jobs of a subject that has worked since."""
    Job.objects.filter(topic=topic, key=str(key), state=JobState.HELD).update(
        state=JobState.DONE, finished_at=clock.now()
    )
