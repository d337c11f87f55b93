"""Refunds and payouts can be read here; deciding on them is done on the desk."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline
from apps.refunds.models import (
    ApprovalPolicy,
    Payout,
    PayoutAttempt,
    Refund,
    RefundItem,
    RefundLine,
    RefundPolicy,
    RefundRequest,
    RefundUnit,
)


class RefundLineInline(ReadOnlyInline):
    """The refund's lines."""

    model = RefundLine
    fields = ("identifier", "quantity", "amount_cents")
    readonly_fields = fields


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    """Refunds, newest first."""

    list_display = (
        "identifier",
        "store",
        "status",
        "source",
        "total_refund_amount_cents",
        "currency",
        "created_at",
    )
    list_filter = ("store", "status", "source", "destination")
    list_select_related = ("store",)
    search_fields = ("=identifier", "=rma_identifier")
    ordering = ("-pk",)
    inlines = (RefundLineInline,)


@admin.register(RefundUnit)
class RefundUnitAdmin(ReadOnlyAdmin):
    """Returned units in refunds."""

    list_display = ("pk", "line", "rma_unit", "amount_cents", "is_live")
    list_select_related = ("line", "rma_unit")
    raw_id_fields = ("line", "rma_unit")
    ordering = ("-pk",)


@admin.register(RefundItem)
class RefundItemAdmin(ReadOnlyAdmin):
    """What refunds are made of, for finance."""

    list_display = ("pk", "refund", "position", "sku", "quantity", "amount_cents")
    list_select_related = ("refund",)
    raw_id_fields = ("refund", "line", "unit")
    search_fields = ("=sku",)
    ordering = ("-pk",)


@admin.register(Payout)
class PayoutAdmin(ReadOnlyAdmin):
    """Movements of money."""

    list_display = ("pk", "refund", "gateway", "status", "amount_cents", "currency")
    list_filter = ("status", "gateway")
    list_select_related = ("refund",)
    raw_id_fields = ("refund",)
    search_fields = ("=gateway_reference", "=refund__identifier")
    ordering = ("-pk",)


@admin.register(PayoutAttempt)
class PayoutAttemptAdmin(ReadOnlyAdmin):
    """Calls of gateways."""

    list_display = ("pk", "payout", "number", "outcome", "started_at", "finished_at")
    list_select_related = ("payout",)
    raw_id_fields = ("payout",)
    ordering = ("-pk",)


@admin.register(RefundPolicy)
class RefundPolicyAdmin(ReadOnlyAdmin):
    """Every version of every policy; a new one is made at the desk."""

    list_display = ("store", "concept", "effective_from", "author", "note")
    list_select_related = ("store", "author")
    list_filter = ("store",)


@admin.register(RefundRequest)
class RefundRequestAdmin(ReadOnlyAdmin):
    """Idempotency keys and what each was answered."""

    list_display = ("created_at", "store", "origin", "key", "refund")
    list_filter = ("store", "origin")
    list_select_related = ("store", "refund")
    search_fields = ("=key",)
    ordering = ("-pk",)


@admin.register(ApprovalPolicy)
class ApprovalPolicyAdmin(ReadOnlyAdmin):
    """Versions of who may decide on how much; a new one is made on the desk."""

    list_display = ("created_at", "store", "author", "note")
    list_filter = ("store",)
    list_select_related = ("store", "author")
    ordering = ("-pk",)
