"""Stores: the tenants. Every mirrored row belongs to one."""

from django.db import models

from apps.common.fields import EncryptedTextField


class RefundTrigger(models.TextChoices):
    DEFAULT = "default", "As the return method says (scan, drop-off)"
    RECEIPT = "receipt", "When the warehouse has received the unit"
    MANUAL = "manual", "Only when a person decides"


class Store(models.Model):
    """One retailer's shop as Optoro knows it.

    Fields left empty on the default store are read from the environment (see
    `queries.connection_of`); what stands here wins.
    """

    identifier = models.CharField(
        max_length=100, unique=True, help_text="The X-Optiturn-Id that Optoro sends"
    )
    name = models.CharField(max_length=200)
    is_default = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    time_zone = models.CharField(max_length=64, default="UTC")

    optoro_auth_url = models.URLField(blank=True)
    optoro_orders_url = models.URLField(blank=True)
    optoro_asn_url = models.URLField(blank=True)
    optoro_rtv_url = models.URLField(blank=True)
    optoro_client_id = models.CharField(max_length=200, blank=True)
    optoro_client_secret = EncryptedTextField(blank=True)
    webhook_username = models.CharField(max_length=200, blank=True)
    webhook_password = EncryptedTextField(blank=True)
    webhook_api_key = EncryptedTextField(blank=True)

    payment_gateway = models.CharField(max_length=40, blank=True)
    gift_card_gateway = models.CharField(
        max_length=40,
        blank=True,
        help_text="What pays onto gift cards; blank: the payment gateway where it can, else a "
        "person by hand",
    )
    refund_trigger = models.CharField(max_length=20, blank=True, choices=RefundTrigger.choices)
    charges_return_shipping = models.BooleanField(
        default=False,
        help_text="Keep the RMA's return shipping cost back from what the shopper is paid",
    )
    offers_out_of_stock_variants = models.BooleanField(
        default=False, help_text="Offer variants without stock for an exchange, too"
    )
    gift_card_sku = models.CharField(
        max_length=255,
        default="OPTOROGIFTCARD",
        help_text="The SKU agreed with Optoro for gift card lines of exchange orders",
    )
    exchange_shipping_amount_cents = models.PositiveIntegerField(
        default=0, help_text="Shipping charged on every exchange order, in cents"
    )
    exchange_tax_service = models.CharField(
        max_length=40,
        default="original_rate",
        help_text="Who works out the tax of exchange orders",
    )
    requires_second_factor = models.BooleanField(
        default=False,
        help_text="People of this store must set up a second factor before they see anything else",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="stores_one_default_store",
            )
        ]

    def __str__(self) -> str:
        return self.name
