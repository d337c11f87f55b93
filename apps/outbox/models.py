"""Jobs that must happen, and every attempt at them. The rows are the queue."""

from django.db import models
from django.db.models import Q

from apps.stores.models import Store


class JobState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    IN_FLIGHT = "in_flight", "In flight"
    DONE = "done", "Done"
    HELD = "held", "Held"


class Outcome(models.TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    RETRY = "retry", "Will be retried"
    HELD = "held", "Held"
    LEASE_EXPIRED = "lease_expired", "The worker fell silent"


class Job(models.Model):
    """One thing to do for one subject. At most one waits and one flies per (topic, key):
    jobs that wait coalesce, and a newer one never overtakes the one in flight."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    topic = models.CharField(max_length=40)
    key = models.CharField(max_length=64)
    label = models.CharField(max_length=255, blank=True, help_text="What people call the subject")
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.WAITING)
    not_before = models.DateTimeField()
    failures = models.PositiveIntegerField(default=0, help_text="In a row, since it last worked")
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    error_details = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["topic", "key"],
                condition=Q(state="waiting"),
                name="outbox_one_waiting_job_per_key",
            ),
            models.UniqueConstraint(
                fields=["topic", "key"],
                condition=Q(state="in_flight"),
                name="outbox_one_flying_job_per_key",
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before", "id"], condition=Q(state="waiting"), name="outbox_due"
            ),
            models.Index(
                fields=["lease_until"], condition=Q(state="in_flight"), name="outbox_leases"
            ),
            models.Index(fields=["store", "-id"], name="outbox_by_store"),
            models.Index(fields=["store", "-created_at", "-id"], name="outbox_newest"),
            models.Index(fields=["store", "topic", "-created_at", "-id"], name="outbox_by_topic"),
            models.Index(fields=["store", "label", "-created_at"], name="outbox_by_label"),
            models.Index(fields=["store", "not_before", "id"], name="outbox_by_next"),
            models.Index(
                fields=["store", "created_at"], condition=Q(state="held"), name="outbox_held"
            ),
            models.Index(
                fields=["store", "created_at"],
                condition=Q(state="waiting", failures__gt=0),
                name="outbox_failing",
            ),
            models.Index(fields=["topic", "key", "-id"], name="outbox_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.label or self.key} ({self.state})"


class Attempt(models.Model):
    """One try at a job; the row exists before anything is done."""

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, default=Outcome.RUNNING)
    status_code = models.PositiveIntegerField(null=True, blank=True)
    error = models.TextField(blank=True)
    request_body = models.TextField(blank=True)
    response_body = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="outbox_attempt_numbers")
        ]
        ordering = ["job", "number"]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.job_id}: {self.outcome}"
