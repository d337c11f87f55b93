"""The simulated gateway's own book: what a real one would keep on its side."""

from django.db import models


class SimulatedPayment(models.Model):
    """One payment the simulated gateway made or declined, by key."""

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
