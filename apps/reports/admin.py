"""Exports can be read here, but for their bytes."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.common.admin import ReadOnlyAdmin
from apps.reports.models import Export, ExportChunk, ExportDownload, PeriodFile


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
