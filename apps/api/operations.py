"""Is it alive, can it serve, and how long are its queues."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from apps.common import clock
from apps.inbox import queries as inbox
from apps.inbox.models import Delivery, DeliveryState
from apps.outbox import queries as outbox
from apps.outbox.models import Job, JobState


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is touched."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the desk can serve, 503 with the check that fails otherwise."""
    for name, check in (("database", _check_database), ("cache", _check_cache)):
        problem = check()
        if problem:
            return JsonResponse({"status": "failing", "check": name, "why": problem}, status=503)
    return JsonResponse({"status": "ok"})


def _check_database() -> str:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations are not applied"
    except DatabaseError:
        return "the database does not answer"
    return ""


def _check_cache() -> str:
    if not settings.REDIS_URL:
        return ""
    try:
        cache.get("readyz")
    except Exception:
        return "Redis does not answer"
    return ""


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Queue lengths and ages from the database, the same whichever process answers."""
    registry = CollectorRegistry()
    inbox_rows = Gauge("inbox_deliveries", "Deliveries by state", ["state"], registry=registry)
    for state in (DeliveryState.RECEIVED, DeliveryState.QUARANTINED, DeliveryState.FAILED):
        inbox_rows.labels(state).set(Delivery.objects.filter(state=state).count())
    outbox_rows = Gauge("outbox_jobs", "Jobs by state", ["state"], registry=registry)
    for job_state in (JobState.WAITING, JobState.IN_FLIGHT, JobState.HELD):
        outbox_rows.labels(job_state).set(Job.objects.filter(state=job_state).count())
    ages = Gauge(
        "queue_oldest_due_seconds",
        "Age of the oldest row that is due",
        ["queue"],
        registry=registry,
    )
    for queue, oldest in (("inbox", inbox.oldest_due_at()), ("outbox", outbox.oldest_due_at())):
        ages.labels(queue).set((clock.now() - oldest).total_seconds() if oldest else 0)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
