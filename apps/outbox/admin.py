"""Outbound jobs and attempts can be read here."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin
from apps.outbox.models import Attempt, Job


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs, newest first; resending is a button on the desk."""

    list_display = ("pk", "store", "topic", "label", "state", "failures", "not_before")
    list_filter = ("store", "topic", "state")
    list_select_related = ("store",)
    search_fields = ("=label", "=key")
    ordering = ("-pk",)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Attempts with what was sent and answered."""

    list_display = ("pk", "job", "number", "outcome", "status_code", "started_at")
    list_filter = ("outcome",)
    list_select_related = ("job",)
    raw_id_fields = ("job",)
    ordering = ("-pk",)
