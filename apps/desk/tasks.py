"""Celery's sweep for what the screens keep."""

from celery import shared_task

from apps.desk import tidying


@shared_task(name="desk.tidy")
def tidy() -> int:
    """Throws away what was kept for long enough; what one round leaves, the next one takes."""
    return tidying.tidy().count
