"""The catalog can be read here; it changes through the API, files and orders."""

from django.contrib import admin

from apps.catalog.models import (
    MissedLookup,
    Product,
    Variant,
    VariantImport,
    VariantImportError,
)
from apps.catalog.queries import BYTES
from apps.common.admin import ReadOnlyAdmin


@admin.register(Variant)
class VariantAdmin(ReadOnlyAdmin):
    """Variants by product."""

    list_display = (
        "variant_identifier",
        "sku",
        "store",
        "title",
        "unit_price_amount_cents",
        "quantity_in_stock",
        "source",
        "updated_at",
    )
    list_filter = ("store", "source")
    list_select_related = ("store",)
    search_fields = ("=variant_identifier", "=sku")
    ordering = ("-pk",)


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    """Products, newest first."""

    list_display = ("variant_identifier", "store", "title", "variant_count", "source", "updated_at")
    list_filter = ("store", "source")
    list_select_related = ("store",)
    search_fields = ("=variant_identifier",)
    ordering = ("-pk",)


@admin.register(MissedLookup)
class MissedLookupAdmin(ReadOnlyAdmin):
    """Ids that were asked for in vain."""

    list_display = ("variant_identifier", "store", "count", "first_asked_at", "last_asked_at")
    list_filter = ("store",)
    list_select_related = ("store",)
    search_fields = ("=variant_identifier",)
    ordering = ("-pk",)


@admin.register(VariantImport)
class VariantImportAdmin(ReadOnlyAdmin):
    """Imported files."""

    list_display = ("name", "store", "state", "rows_done", "rows_total", "failed_count")
    list_filter = ("store", "state")
    list_select_related = ("store",)
    exclude = BYTES
    ordering = ("-pk",)


@admin.register(VariantImportError)
class VariantImportErrorAdmin(ReadOnlyAdmin):
    """What was wrong in imported files."""

    list_display = ("variant_import", "line", "column", "value", "message")
    list_select_related = ("variant_import",)
    ordering = ("-pk",)
