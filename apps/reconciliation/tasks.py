"""Celery's sweep for the reconciler."""

from celery import shared_task

from apps.reconciliation import services as reconciliation


@shared_task(name="reconciliation.sweep")
def reconcile() -> tuple[int, int]:
    """Opens and closes exceptions for what the reconciler finds."""
    return reconciliation.sweep()
