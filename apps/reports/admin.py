"""Exports, but for their bytes, and schedules can be read here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.common.admin import ReadOnlyAdmin
from apps.reports.models import (
    Export,
    ExportChunk,
    ExportDownload,
    PeriodFile,
    Schedule,
    ScheduleChange,
    ScheduleRun,
)


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """Exports, newest first."""

    list_display = ("name", "store", "report", "state", "rows_done", "size", "created_at")
    list_filter = ("store", "state", "report")
    list_select_related = ("store",)
    search_fields = ("=name", "=sha256")
    ordering = ("-pk",)


@admin.register(ExportChunk)
class ExportChunkAdmin(ReadOnlyAdmin):
    """How many pieces there are of what."""

    list_display = ("export", "part", "number")
    list_select_related = ("export",)
    exclude = ("content",)
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExportChunk]:
        """Leaves the bytes where they are."""
        return super().get_queryset(request).defer("content")


@admin.register(ExportDownload)
class ExportDownloadAdmin(ReadOnlyAdmin):
    """Who took which file."""

    list_display = ("export", "person", "downloaded_at")
    list_select_related = ("export", "person")
    ordering = ("-pk",)


@admin.register(PeriodFile)
class PeriodFileAdmin(ReadOnlyAdmin):
    """Which files stand for which closed month."""

    list_display = ("closing", "export")
    list_select_related = ("closing", "export")
    ordering = ("-pk",)


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """Schedules, newest first; they are changed on the desk."""

    list_display = ("name", "store", "report", "cadence", "is_active", "next_run_at", "removed_at")
    list_filter = ("store", "is_active", "report")
    list_select_related = ("store",)
    search_fields = ("name",)
    ordering = ("-pk",)


@admin.register(ScheduleRun)
class ScheduleRunAdmin(ReadOnlyAdmin):
    """What was sent."""

    list_display = ("schedule", "planned_at", "state", "rows", "mailed_at")
    list_filter = ("state",)
    list_select_related = ("schedule",)
    raw_id_fields = ("schedule", "export")
    ordering = ("-pk",)


@admin.register(ScheduleChange)
class ScheduleChangeAdmin(ReadOnlyAdmin):
    """Who changed what."""

    list_display = ("schedule", "actor", "summary", "recorded_at")
    list_select_related = ("schedule", "actor")
    ordering = ("-pk",)
