"""Mirrored orders can be read here."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline
from apps.orders.models import Order, OrderLine, OrderMessage, Transaction


class OrderLineInline(ReadOnlyInline):
    """The order's lines."""

    model = OrderLine
    fields = ("identifier", "title", "quantity", "quantity_shipped", "product_amount_cents")
    readonly_fields = fields


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders, newest first."""

    list_display = ("identifier", "store", "status", "currency", "total_amount_cents")
    list_filter = ("store", "status")
    list_select_related = ("store",)
    search_fields = ("=identifier", "=secondary_identifier", "=customer_email")
    ordering = ("-pk",)
    inlines = (OrderLineInline,)


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    """Payment movements as the order system reports them."""

    list_display = ("identifier", "order", "type", "status", "amount_cents", "gateway")
    list_select_related = ("order",)
    raw_id_fields = ("order",)
    ordering = ("-pk",)


@admin.register(OrderMessage)
class OrderMessageAdmin(ReadOnlyAdmin):
    """Every snapshot that came, used or not."""

    list_display = ("pk", "order", "result", "remote_updated_at", "received_at")
    list_filter = ("result",)
    list_select_related = ("order",)
    raw_id_fields = ("order",)
    ordering = ("-pk",)
