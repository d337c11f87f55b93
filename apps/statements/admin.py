"""Statements can be read here; they come in and change at the desk."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin
from apps.statements.models import (
    Explanation,
    Pairing,
    Source,
    Statement,
    StatementError,
    StatementRow,
)
from apps.statements.queries import BYTES


@admin.register(Source)
class SourceAdmin(ReadOnlyAdmin):
    """Where files come from, and how their columns were mapped last."""

    list_display = ("gateway", "store", "updated_at")
    list_filter = ("store", "gateway")
    list_select_related = ("store",)
    ordering = ("-pk",)


@admin.register(Statement)
class StatementAdmin(ReadOnlyAdmin):
    """Uploaded files."""

    list_display = ("name", "store", "source", "state", "rows_done", "rows_total", "open_count")
    list_filter = ("store", "state")
    list_select_related = ("store", "source")
    exclude = BYTES
    ordering = ("-pk",)


@admin.register(StatementRow)
class StatementRowAdmin(ReadOnlyAdmin):
    """Payouts as files tell of them."""

    list_display = ("reference", "statement", "line", "amount_cents", "currency", "standing")
    list_filter = ("standing",)
    list_select_related = ("statement",)
    raw_id_fields = ("payout",)
    search_fields = ("=reference",)
    ordering = ("-pk",)


@admin.register(StatementError)
class StatementErrorAdmin(ReadOnlyAdmin):
    """What was wrong in uploaded files."""

    list_display = ("statement", "line", "column", "value", "message")
    list_select_related = ("statement",)
    ordering = ("-pk",)


@admin.register(Pairing)
class PairingAdmin(ReadOnlyAdmin):
    """What people said of rows and payouts that look alike."""

    list_display = ("row", "payout", "is_confirmed", "author", "created_at", "undone_at")
    list_select_related = ("row", "payout", "author")
    ordering = ("-pk",)


@admin.register(Explanation)
class ExplanationAdmin(ReadOnlyAdmin):
    """Why something is on one side only."""

    list_display = ("reason", "statement", "row", "payout", "author", "created_at", "undone_at")
    list_select_related = ("statement", "row", "payout", "author")
    ordering = ("-pk",)
