"""The simulated gateway's book can be read here."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin
from apps.payments.models import SimulatedPayment


@admin.register(SimulatedPayment)
class SimulatedPaymentAdmin(ReadOnlyAdmin):
    """What a real gateway would have paid."""

    list_display = ("created_at", "reference", "outcome", "amount_cents", "currency", "calls")
    list_filter = ("outcome",)
    search_fields = ("=reference", "=refund_identifier", "=order_identifier", "=key")
    ordering = ("-pk",)
