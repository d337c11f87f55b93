"""How a store, or one brand of it, decides on refunds, and who may decide: versions that are never
changed."""

from django.conf import settings
from django.db import models

from apps.stores.models import RefundTrigger, Store


class TenderOrder(models.TextChoices):
    GIFT_CARD_FIRST = "gift_card_first", "Gift cards first"
    GIFT_CARD_LAST = "gift_card_last", "Gift cards last"


class RefundPolicy(models.Model):
    """One version of how a store, or one brand of it, decides. Versions are never changed: a new
    one takes over for what happens from `effective_from` on."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="refund_policies")
    concept = models.CharField(
        max_length=255, blank=True, help_text="The brand; blank for every brand without its own"
    )
    effective_from = models.DateTimeField()
    mail_back_trigger = models.CharField(max_length=20, choices=RefundTrigger.choices)
    express_returns_trigger = models.CharField(max_length=20, choices=RefundTrigger.choices)
    home_pickup_trigger = models.CharField(max_length=20, choices=RefundTrigger.choices)
    customer_keep_trigger = models.CharField(max_length=20, choices=RefundTrigger.choices)
    payment_delay_minutes = models.PositiveIntegerField(default=0)
    automatic_conditions = models.JSONField(
        default=list,
        help_text='Conditions at receipt that are refunded automatically; "" where none is told',
    )
    charges_return_shipping = models.BooleanField(default=False)
    tolerance_cents = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Per unit, between Optoro's estimate and the desk's own figure; blank: any",
    )
    tender_order = models.CharField(
        max_length=20,
        choices=TenderOrder.choices,
        default=TenderOrder.GIFT_CARD_FIRST,
        help_text="Which of several payments of an order is paid back first",
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "refund policies"
        indexes = [
            models.Index(fields=["store", "concept", "-effective_from"], name="refunds_policies")
        ]

    def __str__(self) -> str:
        return f"{self.concept or 'every brand'} from {self.effective_from:%Y-%m-%d %H:%M}"


class ApprovalPolicy(models.Model):
    """One version of who may decide on how much in a store. Versions are never changed: the newest
    counts. Amounts are cents of the refund's currency; no amount means no limit."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="approval_policies")
    agent_limit_cents = models.PositiveBigIntegerField(null=True, blank=True)
    lead_limit_cents = models.PositiveBigIntegerField(null=True, blank=True)
    administrator_limit_cents = models.PositiveBigIntegerField(null=True, blank=True)
    api_limit_cents = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Above it, refunds made by API wait for a person"
    )
    automatic_limit_cents = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Above it, automatic refunds wait for a person"
    )
    two_person_above_cents = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Above it, a refund made by a person needs a second one"
    )
    goodwill_limit_cents = models.PositiveBigIntegerField(
        help_text="The most that all goodwill refunds of one order may add up to"
    )
    staff_hold_minutes = models.PositiveIntegerField(
        help_text="How long a refund made by a person can be taken back before it is paid"
    )
    api_hold_minutes = models.PositiveIntegerField(default=0)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "approval policies"
        indexes = [models.Index(fields=["store", "-id"], name="refunds_approval_policies")]

    def __str__(self) -> str:
        return f"approvals from {self.created_at:%Y-%m-%d %H:%M}"
