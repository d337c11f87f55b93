"""What needed a person can be read here."""

from django.contrib import admin

from apps.attention.models import Item
from apps.common.admin import ReadOnlyAdmin


@admin.register(Item)
class ItemAdmin(ReadOnlyAdmin):
    """Items, open and closed."""

    list_display = ("opened_at", "store", "kind", "subject", "resolved_at", "owner")
    list_filter = ("store", "kind")
    list_select_related = ("store", "owner")
    search_fields = ("=subject", "=order_identifier", "=rma_identifier")
    ordering = ("-pk",)
