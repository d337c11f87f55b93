"""Reading the outbox."""

from datetime import datetime

from django.db.models import QuerySet

from apps.common import clock
from apps.outbox.models import Job, JobState


def jobs_of(store_id: int) -> QuerySet[Job]:
    """Returns a store's jobs, newest first."""
    return Job.objects.filter(store_id=store_id).order_by("-id")


def held_or_failing(store_id: int) -> QuerySet[Job]:
    """Returns the jobs that are held, or wait after failures."""
    jobs = jobs_of(store_id)
    return jobs.filter(state=JobState.HELD) | jobs.filter(state=JobState.WAITING, failures__gt=0)


def due_jobs() -> QuerySet[Job]:
    """Returns what is due in every store, the longest-waiting first."""
    return Job.objects.filter(state=JobState.WAITING, not_before__lte=clock.now()).order_by(
        "not_before"
    )


def oldest_due_at() -> datetime | None:
    """Returns since when the longest-waiting due job waits (UTC), or None."""
    return due_jobs().values_list("not_before", flat=True).first()
