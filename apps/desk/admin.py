"""What people keep of the screens can be read here, and what they did to many rows at once."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin
from apps.desk.models import BulkRow, BulkRun, RecentSearch, SavedView


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin):
    """Views of lists, newest first."""

    list_display = ("list_name", "name", "store", "owner", "is_shared", "created_at")
    list_filter = ("store", "is_shared")
    list_select_related = ("store", "owner")
    search_fields = ("name",)
    ordering = ("-pk",)


@admin.register(RecentSearch)
class RecentSearchAdmin(ReadOnlyAdmin):
    """Who searched when, newest first; what for stands on the row's own page."""

    list_display = ("searched_at", "store", "person")
    list_filter = ("store",)
    list_select_related = ("store", "person")
    search_fields = ("=text",)


@admin.register(BulkRun)
class BulkRunAdmin(ReadOnlyAdmin):
    """Runs, newest first."""

    list_display = ("created_at", "store", "person", "list_name", "action")
    list_filter = ("store",)
    list_select_related = ("store", "person")
    search_fields = ("=token",)
    ordering = ("-pk",)


@admin.register(BulkRow)
class BulkRowAdmin(ReadOnlyAdmin):
    """Rows of runs, newest first."""

    list_display = ("run", "position", "label", "result")
    list_filter = ("result",)
    list_select_related = ("run",)
    search_fields = ("=label",)
    ordering = ("-pk",)
