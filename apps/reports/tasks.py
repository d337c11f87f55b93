"""Celery's sweep for schedules."""

from celery import shared_task

from apps.reports import schedule_runs


@shared_task(name="reports.start_due")
def start_due() -> int:
    """Starts the scheduled reports that are due."""
    return schedule_runs.start_due()
