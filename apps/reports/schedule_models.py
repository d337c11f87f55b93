"""Schedules: a report by e-mail, weekly or monthly, and what became of each sending."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models

from apps.reports import rhythm
from apps.stores.models import Store


class Schedule(models.Model):
    """A report that is sent again and again. `query` names its days from the day it is planned
    for ("last month"). It is sent in the name of its author: who saved it last."""

    class Format(models.TextChoices):
        XLSX = "xlsx", "Excel"
        CSV = "csv", "CSV"

    class Cadence(models.TextChoices):
        WEEKLY = rhythm.Cadence.WEEKLY.value, "Weekly"
        MONTHLY = rhythm.Cadence.MONTHLY.value, "Monthly"

    class Delivery(models.TextChoices):
        FILE = "file", "The file itself"
        LINK = "link", "A link to it"

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120, help_text="What its mails are called")
    report = models.CharField(max_length=60)
    query = models.TextField(blank=True, help_text="The filters as an address")
    format = models.CharField(max_length=4, choices=Format.choices)
    cadence = models.CharField(max_length=10, choices=Cadence.choices)
    weekday = models.PositiveSmallIntegerField(default=0, help_text="Weekly; Monday is 0")
    day_of_month = models.PositiveSmallIntegerField(
        default=1, help_text="Monthly; shorter months on their last day"
    )
    hour = models.PositiveSmallIntegerField(default=8, help_text="On the store's clock")
    delivery = models.CharField(max_length=4, choices=Delivery.choices)
    recipients = models.JSONField(default=list)
    outside = models.JSONField(
        default=list,
        help_text="Those of the recipients whom its author allowed, though they are no people of "
        "the store who may see the report",
    )
    is_active = models.BooleanField(default=True)
    next_run_at = models.DateTimeField(null=True, blank=True)
    counts_from = models.DateTimeField(help_text="No slot up to then is made up for")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["store", "-id"], name="reports_schedules"),
            models.Index(
                fields=["next_run_at"],
                condition=models.Q(next_run_at__isnull=False),
                name="reports_schedules_due",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ScheduleRun(models.Model):
    """One sending: a slot of the schedule, or (`asked_by`) one that a person asked for. Each of
    `recipients` is an address with when it was sent to, or why it was not."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        EXPORTING = "exporting", "File is being made"
        MAILING = "mailing", "Being sent"
        SENT = "sent", "Sent"
        EMPTY = "empty", "Sent, without rows"
        FAILED = "failed", "Failed"

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="runs")
    planned_at = models.DateTimeField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    export = models.ForeignKey(
        "reports.Export", null=True, blank=True, on_delete=models.PROTECT, related_name="runs"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    rows = models.BigIntegerField(null=True, blank=True)
    delivery = models.CharField(
        max_length=4, blank=True, choices=Schedule.Delivery.choices, help_text="As it was sent"
    )
    recipients = models.JSONField(default=list)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "planned_at"], name="reports_one_run_per_slot"
            )
        ]
        indexes = [
            models.Index(fields=["schedule", "-id"], name="reports_runs"),
            models.Index(
                fields=["export"], condition=models.Q(state="exporting"), name="reports_runs_wait"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.planned_at:%Y-%m-%d %H:%M} ({self.state})"

    @property
    def is_under_way(self) -> bool:
        """Whether there is anything still to come."""
        return self.state in (self.State.WAITING, self.State.EXPORTING, self.State.MAILING)

    @property
    def sent_to(self) -> list[str]:
        """The addresses it has gone to."""
        return [one["address"] for one in self.recipients if one.get("sent_at")]


class ScheduleChange(models.Model):
    """Who made, changed, paused or deleted a schedule: append-only."""

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="changes")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    summary = models.TextField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.recorded_at:%Y-%m-%d %H:%M} {self.summary}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("changes of schedules are append-only: record a new one")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("changes of schedules are append-only: they are never deleted")
