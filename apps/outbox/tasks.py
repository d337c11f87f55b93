"""Celery's nudge and sweep for the outbox."""

from celery import shared_task

from apps.outbox import runner


@shared_task(name="outbox.run_due")
def run_due() -> int:
    """Works off what is due."""
    return runner.run_due()
