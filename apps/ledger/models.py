"""The books: every money event as pairs of accounts, never changed; and which months are closed."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.common.kept_rows import KeptRow
from apps.stores.models import Store


class AppendOnly(KeptRow):
    """A row that is written once. The database refuses to change it, too (see the migrations)."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError(f"rows of {type(self).__name__} are append-only: book a new entry")
        super().save(*args, **kwargs)


class Entry(AppendOnly):
    """A money event. `booked_on` is its day in the books: that of `happened_at` on the store's
    clock, or the first open one where that month was closed when it was recorded."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=120, help_text="What it is about, once for ever")
    kind = models.CharField(max_length=40)
    currency = models.CharField(max_length=3)
    happened_at = models.DateTimeField()
    booked_on = models.DateField()
    recorded_at = models.DateTimeField()
    memo = models.CharField(max_length=500)
    order_identifier = models.CharField(max_length=255, blank=True)
    rma_identifier = models.CharField(max_length=255, blank=True)
    refund_identifier = models.CharField(max_length=255, blank=True)
    exchange_order_identifier = models.CharField(max_length=255, blank=True)
    reverses = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by"
    )

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["store", "key"], name="ledger_entry_booked_once")
        ]
        indexes = [
            models.Index(fields=["store", "booked_on", "id"], name="ledger_entry_by_day"),
            models.Index(fields=["store", "refund_identifier"], name="ledger_entry_by_refund"),
            models.Index(
                fields=["store", "exchange_order_identifier"],
                condition=~Q(exchange_order_identifier=""),
                name="ledger_entry_by_exchange",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.booked_on} {self.memo}"


class Posting(AppendOnly):
    """An amount from one account to another: debit and credit in one row, so that no entry can be
    out of balance. What it is summed by is copied from its entry."""

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="postings")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    booked_on = models.DateField()
    recorded_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    debit_account = models.CharField(max_length=60)
    credit_account = models.CharField(max_length=60)
    amount_cents = models.BigIntegerField()

    class Meta:
        ordering = ["entry", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_cents__gt=0), name="ledger_posting_amount_positive"
            ),
            models.CheckConstraint(
                condition=~Q(debit_account=F("credit_account")),
                name="ledger_posting_between_two_accounts",
            ),
        ]
        indexes = [
            models.Index(
                fields=["store", "booked_on"],
                include=[
                    "recorded_at",
                    "currency",
                    "debit_account",
                    "credit_account",
                    "amount_cents",
                ],
                name="ledger_posting_by_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_cents} {self.currency}: {self.debit_account} / {self.credit_account}"


class Books(models.Model):
    """How far a store's books are closed, and up to which day what was known then is settled."""

    store = models.OneToOneField(Store, on_delete=models.PROTECT, related_name="books")
    closed_through = models.DateField(
        null=True, blank=True, help_text="Nothing is booked on this day or before it any more"
    )

    settled_through = models.DateField(
        null=True,
        blank=True,
        help_text="Figures as of this day may have been shown as final: what is recorded from now "
        "on counts as known after it",
    )
    settled_zones = models.JSONField(
        null=True,
        blank=True,
        help_text="By which clock days were settled, oldest first: `through` a day, in a `zone`. "
        "They end where they ended then, whatever clock the store has later",
    )

    class Meta:
        verbose_name_plural = "books"

    def __str__(self) -> str:
        return f"{self.store}: closed through {self.closed_through or 'nothing'}"


class PeriodEvent(AppendOnly):
    """A month was closed, or something came of opening it again: who, when and why."""

    class Kind(models.TextChoices):
        CLOSED = "closed", "Closed"
        REOPENING_ASKED = "reopening_asked", "Opening again asked for"
        REOPENING_REFUSED = "reopening_refused", "Opening again refused"
        REOPENED = "reopened", "Opened again"

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    month = models.DateField(help_text="The month's first day")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=500, blank=True)
    recorded_at = models.DateTimeField()
    answers = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="answer"
    )

    class Meta:
        indexes = [models.Index(fields=["store", "-month", "-id"], name="ledger_period_events")]

    @property
    def label(self) -> str:
        """What happened, in words. Who takes back a request of their own refuses nothing."""
        asked = self.answers if self.kind == self.Kind.REOPENING_REFUSED else None
        if asked is not None and asked.actor_id == self.actor_id:
            return "Request to open again withdrawn"
        return str(self.get_kind_display())

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.get_kind_display().lower()}"
