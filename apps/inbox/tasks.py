"""Celery's nudge and sweep for the inbox."""

from celery import shared_task

from apps.inbox import processing


@shared_task(name="inbox.process_due")
def process_due() -> int:
    """Works off what is due."""
    return processing.process_due()
