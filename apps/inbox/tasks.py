"""Celery's nudge and sweep for the inbox."""

from celery import shared_task

from apps.common.nudge import take_up
from apps.inbox import processing
from apps.inbox.services import PROCESS_DUE


@shared_task(name=PROCESS_DUE)
def process_due() -> int:
    """Works off what is due."""
    take_up(PROCESS_DUE)
    return processing.process_due()
