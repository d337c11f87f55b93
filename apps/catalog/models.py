"""What a shopper can exchange goods for: the variants of each product, with stock and price."""

from django.conf import settings
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


class Product(models.Model):
    """What is known about the variants that share a `variant_identifier`, added up from their rows.

    Its row is the lock under which they change.
    """

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    variant_identifier = models.CharField(max_length=255)
    title = models.CharField(max_length=500, blank=True, help_text="The first variant's")
    source = models.CharField(
        max_length=10, choices=Variant.Source.choices, help_text="Who told about it last"
    )
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="`updated_at` of the order whose items told of it"
    )
    content_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of the whole set as it was told; empty if it was not"
    )
    variant_count = models.PositiveIntegerField(default=0)
    in_stock_count = models.PositiveIntegerField(default=0)
    lowest_price_amount_cents = models.BigIntegerField(null=True, blank=True)
    highest_price_amount_cents = models.BigIntegerField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "variant_identifier"], name="catalog_product_unique"
            )
        ]
        indexes = [models.Index(fields=["store", "-updated_at", "-id"], name="catalog_newest")]

    def __str__(self) -> str:
        return self.variant_identifier


class MissedLookup(models.Model):
    """An id that Optoro has asked for and that had no variants; goes away when some come."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    variant_identifier = models.CharField(max_length=255)
    count = models.PositiveBigIntegerField(default=1)
    first_asked_at = models.DateTimeField()
    last_asked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "variant_identifier"], name="catalog_missed_unique"
            )
        ]
        indexes = [
            models.Index(fields=["store", "-last_asked_at", "-id"], name="catalog_missed_newest")
        ]

    def __str__(self) -> str:
        return f"{self.variant_identifier} ({self.count})"


class VariantImport(models.Model):
    """An uploaded file of variants, and how far it has been worked off."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELED = "canceled", "Canceled"

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=255, help_text="The file's name as it was uploaded")
    content = models.BinaryField(help_text="Emptied once the file is worked off")
    size = models.PositiveIntegerField(help_text="In bytes")
    sha256 = models.CharField(max_length=64)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    rows_total = models.PositiveIntegerField()
    rows_done = models.PositiveIntegerField(default=0)
    resume_offset = models.PositiveIntegerField(
        default=0, help_text="Bytes of the file up to the row where the work goes on"
    )
    resume_line = models.PositiveIntegerField(default=1, help_text="The line of that row")
    repeats = models.BinaryField(
        default=b"", help_text="Rows that repeat others, as `csv_survey.Repeats` writes them"
    )
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    failed_count = models.PositiveIntegerField(default=0, help_text="Rows that were left out")
    error_count = models.PositiveIntegerField(
        default=0, help_text="Everything found wrong, kept as rows or not"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    progress_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["store", "-id"], name="catalog_imports_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class VariantImportError(models.Model):
    """One thing wrong in one line of an uploaded file."""

    variant_import = models.ForeignKey(
        VariantImport, on_delete=models.PROTECT, related_name="errors"
    )
    line = models.PositiveIntegerField(help_text="As an editor counts them; the header is line 1")
    column = models.CharField(max_length=255, blank=True)
    value = models.CharField(max_length=255, blank=True)
    message = models.CharField(max_length=500, help_text="What is wrong and the remedy")

    class Meta:
        ordering = ["line", "pk"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"
