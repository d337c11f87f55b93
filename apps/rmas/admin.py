"""RMAs can be read here."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline
from apps.rmas.models import Rma, RmaMessage, RmaUnit


class RmaUnitInline(ReadOnlyInline):
    """The RMA's units."""

    model = RmaUnit
    fields = (
        "order_identifier",
        "order_line_item_identifier",
        "ordinal",
        "package_tracking_status",
        "receiving_status",
        "estimated_refund_amount_cents",
    )
    readonly_fields = fields


@admin.register(Rma)
class RmaAdmin(ReadOnlyAdmin):
    """RMAs, newest first."""

    list_display = ("rma_identifier", "store", "status", "return_method", "remote_updated_at")
    list_filter = ("store", "status", "return_method")
    list_select_related = ("store",)
    search_fields = ("=rma_identifier", "=giftee_email")
    ordering = ("-pk",)
    inlines = (RmaUnitInline,)


@admin.register(RmaUnit)
class RmaUnitAdmin(ReadOnlyAdmin):
    """Returned units."""

    list_display = ("pk", "rma", "order_identifier", "order_line_item_identifier", "ordinal")
    list_select_related = ("rma",)
    raw_id_fields = ("rma", "order", "order_line")
    search_fields = ("=tracking_number", "=order_identifier")
    ordering = ("-pk",)


@admin.register(RmaMessage)
class RmaMessageAdmin(ReadOnlyAdmin):
    """Every RMA message, normalized."""

    list_display = ("pk", "rma", "remote_updated_at", "received_at", "delivery_id")
    list_select_related = ("rma",)
    raw_id_fields = ("rma",)
    ordering = ("-pk",)
