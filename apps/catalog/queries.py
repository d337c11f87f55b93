"""Reading the catalog."""

from collections.abc import Iterable

from django.db.models import QuerySet

from apps.catalog.models import MissedLookup, Product, Variant, VariantImport

# What nobody reads but the import itself.
BYTES = ("content", "repeats")


def variants_by_sku(*, store_id: int, skus: Iterable[str]) -> dict[str, list[Variant]]:
    """Returns the store's variants of these SKUs, those told last at the end: a SKU can be on offer
    for several products."""
    rows = Variant.objects.filter(store_id=store_id, sku__in=set(skus)).order_by("updated_at", "pk")
    found: dict[str, list[Variant]] = {}
    for variant in rows:
        found.setdefault(variant.sku, []).append(variant)
    return found


def variants_of(*, store_id: int, variant_identifier: str) -> list[Variant]:
    """Returns the variants of a product in the order to show, in one query by index."""
    rows = Variant.objects.filter(store_id=store_id, variant_identifier=variant_identifier)
    return list(rows.order_by("position", "pk"))


def find_product(*, store_id: int, variant_identifier: str) -> Product | None:
    """Returns what is known about a product, also where it has no variants left; or None."""
    return Product.objects.filter(store_id=store_id, variant_identifier=variant_identifier).first()


def products_of(store_id: int) -> QuerySet[Product]:
    """Returns the store's products."""
    return Product.objects.filter(store_id=store_id)


def missed_lookups_of(store_id: int) -> QuerySet[MissedLookup]:
    """Returns the ids that Optoro asked this store for in vain."""
    return MissedLookup.objects.filter(store_id=store_id)


def imports_of(store_id: int) -> QuerySet[VariantImport]:
    """Returns the store's uploaded files without their bytes, newest first."""
    rows = VariantImport.objects.filter(store_id=store_id).select_related("uploaded_by")
    return rows.defer(*BYTES).order_by("-pk")
