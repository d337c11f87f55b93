"""Reading the catalog."""

from collections.abc import Iterable

from apps.catalog.models import Variant


def variants_by_sku(*, store_id: int, skus: Iterable[str]) -> dict[str, Variant]:
    """Returns the store's variants of these SKUs; of a SKU that is on offer for several products,
    the one that was told last."""
    rows = Variant.objects.filter(store_id=store_id, sku__in=set(skus)).order_by("updated_at", "pk")
    return {variant.sku: variant for variant in rows}
