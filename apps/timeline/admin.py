"""The timeline can be read here."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin
from apps.timeline.models import Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Events, newest first."""

    list_display = ("recorded_at", "store", "kind", "summary", "actor_kind", "order_identifier")
    list_filter = ("store", "actor_kind")
    list_select_related = ("store", "actor")
    search_fields = ("=order_identifier", "=rma_identifier", "=refund_identifier")
    ordering = ("-pk",)
