"""How a store reaches its gateways, and the simulated gateway's own book: what a real one would
keep on its side."""

from django.db import models

from apps.common import clock
from apps.common.fields import EncryptedTextField
from apps.stores.models import Store


class PaymentAccount(models.Model):
    """How one store reaches the gateway of that name.

    One per store and gateway, never deleted: a payout in flight remembers its gateway's name, and
    must be able to ask there even after the store has chosen another gateway.
    """

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="payment_accounts")
    gateway = models.CharField(max_length=40)
    settings = models.JSONField(
        default=dict, blank=True, help_text="What is not secret, as a JSON object"
    )
    secrets = EncryptedTextField(blank=True, help_text="A JSON object of texts, encrypted")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["store", "gateway"]
        constraints = [
            models.UniqueConstraint(
                fields=["store", "gateway"],
                name="payments_one_account_per_gateway",
                violation_error_message="This store has an account of this gateway already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.gateway} of store {self.store_id}"


class SimulatedPayment(models.Model):
    """One payment the simulated gateway made, took or declined, by key."""

    key = models.CharField(max_length=64, unique=True)
    outcome = models.CharField(max_length=12)
    reference = models.CharField(max_length=64)
    amount_cents = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    destination = models.CharField(max_length=20)
    recipient_email = models.CharField(max_length=255, blank=True)
    order_identifier = models.CharField(max_length=255)
    refund_identifier = models.CharField(max_length=255)
    calls = models.PositiveIntegerField(default=1, help_text="How often the key was presented")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.reference}: {self.amount_cents} {self.currency} ({self.outcome})"


class SimulatedCall(models.Model):
    """One call of the simulated gateway, those included that it was told to lose.

    `number` counts the calls of one method with one key from 1; `behaviour` is what a refund call
    was told to do, and empty for a find.
    """

    key = models.CharField(max_length=64)
    number = models.PositiveIntegerField()
    method = models.CharField(max_length=10)
    behaviour = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key", "method", "number"], name="payments_simulated_calls_are_counted"
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.number} of {self.key}: {self.behaviour}"
