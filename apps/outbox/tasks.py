"""Celery's nudge and sweep for the outbox."""

from celery import shared_task

from apps.common.nudge import take_up
from apps.outbox import runner
from apps.outbox.services import RUN_DUE


@shared_task(name=RUN_DUE)
def run_due() -> int:
    """Works off what is due."""
    take_up(RUN_DUE)
    return runner.run_due()
