"""Messages received can be read here; replaying them is a button on the desk."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin
from apps.inbox.models import Delivery


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Deliveries, newest first."""

    list_display = ("pk", "store", "topic", "subject", "state", "copies", "received_at")
    list_filter = ("store", "topic", "state")
    list_select_related = ("store",)
    search_fields = ("=subject",)
    exclude = ("body",)
    readonly_fields = ("text",)
    ordering = ("-pk",)
