"""What a shopper can exchange goods for: the variants of each product, with stock and price."""

from django.db import models

from apps.stores.models import Store


class Variant(models.Model):
    """A variant on offer for the products that share a `variant_identifier` (contract §6)."""

    class Source(models.TextChoices):
        API = "api", "API"
        FILE = "file", "Imported file"
        ORDER = "order", "Order item"

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="variants")
    variant_identifier = models.CharField(
        max_length=255, help_text="As the order line names it: the id that Optoro asks for"
    )
    sku = models.CharField(max_length=255)
    title = models.CharField(max_length=500)
    attributes = models.JSONField(default=list, help_text="[{name, value}], in the order to show")
    unit_price_amount_cents = models.BigIntegerField()
    quantity_in_stock = models.IntegerField()
    image_url = models.CharField(max_length=2000, blank=True)
    product_url = models.CharField(max_length=2000, blank=True)
    position = models.PositiveIntegerField(default=0)
    source = models.CharField(max_length=10, choices=Source.choices)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["variant_identifier", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["store", "variant_identifier", "sku"], name="catalog_variant_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(unit_price_amount_cents__gte=0),
                name="catalog_price_not_negative",
            ),
        ]
        indexes = [models.Index(fields=["store", "sku"], name="catalog_by_sku")]

    def __str__(self) -> str:
        return f"{self.variant_identifier}: {self.sku}"
