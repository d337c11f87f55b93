"""Exchange orders can be read here."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin
from apps.exchanges.models import ExchangeCollision, ExchangeLine, ExchangeOrder


@admin.register(ExchangeOrder)
class ExchangeOrderAdmin(ReadOnlyAdmin):
    """Exchange orders, newest first."""

    list_display = ("order_identifier", "store", "original_order_identifier", "placed_at")
    list_filter = ("store",)
    list_select_related = ("store",)
    search_fields = ("=order_identifier", "=original_order_identifier", "=transaction_id")
    raw_id_fields = ("original_order",)
    ordering = ("-pk",)


@admin.register(ExchangeLine)
class ExchangeLineAdmin(ReadOnlyAdmin):
    """Their lines."""

    list_display = ("exchange_order", "position", "sku", "quantity", "product_amount_cents")
    list_select_related = ("exchange_order",)
    raw_id_fields = ("exchange_order",)
    ordering = ("-pk",)


@admin.register(ExchangeCollision)
class ExchangeCollisionAdmin(ReadOnlyAdmin):
    """Requests that differed from the one that was placed."""

    list_display = ("exchange_order", "received_at", "copies")
    list_select_related = ("exchange_order",)
    raw_id_fields = ("exchange_order",)
    ordering = ("-pk",)
