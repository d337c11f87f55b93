"""Changing the variants of products. Whoever writes holds the lock of the products' rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, Max, Min, Q

from apps.catalog import missed
from apps.catalog.models import Product, Variant
from apps.catalog.types import Replaced, VariantData
from apps.common import clock
from apps.common.hashing import sha256_of_content

_TOLD_FIELDS = (
    "title",
    "unit_price_amount_cents",
    "quantity_in_stock",
    "image_url",
    "product_url",
)
_SUMMARY_FIELDS = (
    "title",
    "variant_count",
    "in_stock_count",
    "lowest_price_amount_cents",
    "highest_price_amount_cents",
)


@transaction.atomic
def replace_variants(
    *,
    store_id: int,
    variant_identifier: str,
    variants: Sequence[VariantData],
    source: Variant.Source,
    told_at: datetime | None = None,
) -> Replaced:
    """Makes `variants` (amounts in cents) the whole set of a product: what is missing from them is
    removed. All of it happens or nothing, and of two callers at once the later one wins whole.

    The same set from the same source again changes nothing, not even times.
    """
    product = lock_products(store_id, [variant_identifier], source)[variant_identifier]
    is_new = product.variant_count == 0 and not product.content_sha256
    content_sha256 = _fingerprint(variants)
    if product.content_sha256 == content_sha256 and product.source == source:
        _note_told_at(product, told_at)
        return Replaced(unchanged=len(variants))
    known = _rows_of(store_id, variant_identifier)
    rows = [
        told_row(store_id, variant_identifier, data, source=source, position=position)
        for position, data in enumerate(variants)
    ]
    created, changed = write_rows(rows, known)
    told = {data.sku for data in variants}
    gone = [row.pk for row in known.values() if row.sku not in told]
    Variant.objects.filter(pk__in=gone).delete()
    product.source = source
    product.told_at = told_at
    product.content_sha256 = content_sha256
    product.updated_at = clock.now()
    product.save()
    sum_up(store_id, [variant_identifier])
    return Replaced(
        is_new=is_new,
        created=created,
        updated=changed,
        removed=len(gone),
        unchanged=len(rows) - created - changed,
    )


def _fingerprint(variants: Sequence[VariantData]) -> str:
    return sha256_of_content([asdict(data) for data in variants])


def _note_told_at(product: Product, told_at: datetime | None) -> None:
    """Keeps how new the set is that is known, so that nothing older takes its place."""
    if told_at != product.told_at:
        Product.objects.filter(pk=product.pk).update(told_at=told_at)


def _rows_of(store_id: int, variant_identifier: str) -> dict[tuple[str, str], Variant]:
    rows = Variant.objects.filter(store_id=store_id, variant_identifier=variant_identifier)
    return {(variant_identifier, row.sku): row for row in rows}


@transaction.atomic
def take_variants_of_order(
    *,
    store_id: int,
    told: Mapping[str, Sequence[VariantData]],
    updated_at: datetime,
) -> None:
    """Takes over what the items of an order (contract §8, `variants`) tell of their products:
    `told` maps variant identifiers to whole sets.

    Only where nobody knows better: what the API or a file has told of is left alone, and so is
    what a newer order (by `updated_at`) has told of.
    """
    known = {
        product.variant_identifier: product
        for product in Product.objects.filter(store_id=store_id, variant_identifier__in=told)
    }
    wanted = sorted(
        identifier
        for identifier, variants in told.items()
        if variants and _may_take(known.get(identifier), updated_at)
    )
    if not wanted:
        return
    # In one order of names, so that two orders with the same products do not wait for each other.
    locked = lock_products(store_id, wanted, Variant.Source.ORDER)
    for identifier in wanted:
        if _may_take(locked[identifier], updated_at):
            replace_variants(
                store_id=store_id,
                variant_identifier=identifier,
                variants=told[identifier],
                source=Variant.Source.ORDER,
                told_at=updated_at,
            )


def _may_take(product: Product | None, updated_at: datetime) -> bool:
    if product is None:
        return True
    if product.source != Variant.Source.ORDER:
        return False
    return product.told_at is None or product.told_at <= updated_at


def lock_products(
    store_id: int, identifiers: Iterable[str], source: Variant.Source
) -> dict[str, Product]:
    """Returns the products, locked until the transaction ends; those that are missing are made,
    without variants, as of `source`."""
    names = sorted(set(identifiers))
    now = clock.now()
    fresh = [
        Product(store_id=store_id, variant_identifier=name, source=source, updated_at=now)
        for name in names
    ]
    Product.objects.bulk_create(fresh, ignore_conflicts=True)
    rows = (
        Product.objects.select_for_update(no_key=True)
        .filter(store_id=store_id, variant_identifier__in=names)
        .order_by("variant_identifier")
    )
    return {product.variant_identifier: product for product in rows}


def told_row(
    store_id: int,
    variant_identifier: str,
    data: VariantData,
    *,
    source: Variant.Source,
    position: int,
) -> Variant:
    """Returns the row for what was told of a variant; it is not saved."""
    return Variant(
        store_id=store_id,
        variant_identifier=variant_identifier,
        sku=data.sku,
        attributes=[asdict(attribute) for attribute in data.attributes],
        position=position,
        source=source,
        updated_at=clock.now(),
        **{name: getattr(data, name) for name in _TOLD_FIELDS},
    )


_COMPARED = (*_TOLD_FIELDS, "attributes", "position", "source")


def write_rows(
    rows: Sequence[Variant], known: Mapping[tuple[str, str], Variant]
) -> tuple[int, int]:
    """Saves the rows that differ from those known (by identifier and SKU); returns how many were
    created and how many changed."""
    written = []
    created = 0
    for row in rows:
        before = known.get((row.variant_identifier, row.sku))
        if before is None:
            created += 1
        elif all(getattr(before, name) == getattr(row, name) for name in _COMPARED):
            continue
        written.append(row)
    Variant.objects.bulk_create(
        written,
        update_conflicts=True,
        unique_fields=["store", "variant_identifier", "sku"],
        update_fields=[*_COMPARED, "updated_at"],
    )
    return created, len(written) - created


def sum_up(store_id: int, identifiers: Sequence[str]) -> None:
    """Adds the rows of these products up anew, and forgets that they were asked for in vain where
    they have variants now. Call it under the products' locks."""
    rows = Variant.objects.filter(store_id=store_id, variant_identifier__in=identifiers)
    sums = {
        row["variant_identifier"]: row
        for row in rows.order_by()
        .values("variant_identifier")
        .annotate(
            variant_count=Count("pk"),
            in_stock_count=Count("pk", filter=Q(quantity_in_stock__gt=0)),
            lowest_price_amount_cents=Min("unit_price_amount_cents"),
            highest_price_amount_cents=Max("unit_price_amount_cents"),
        )
    }
    titles = _first_titles(store_id, identifiers)
    products = list(Product.objects.filter(store_id=store_id, variant_identifier__in=identifiers))
    nothing = {"variant_count": 0, "in_stock_count": 0}
    for product in products:
        found = {**sums.get(product.variant_identifier, nothing)}
        found["title"] = titles.get(product.variant_identifier, "")
        for name in _SUMMARY_FIELDS:
            setattr(product, name, found.get(name))
    Product.objects.bulk_update(products, _SUMMARY_FIELDS, batch_size=100)
    missed.forget(store_id=store_id, identifiers=list(sums))


def _first_titles(store_id: int, identifiers: Sequence[str]) -> dict[str, str]:
    """Returns the title of each product's first variant."""
    rows = (
        Variant.objects.filter(store_id=store_id, variant_identifier__in=identifiers)
        .order_by("variant_identifier", F("position").desc(), F("pk").desc())
        .values_list("variant_identifier", "title")
    )
    return dict(rows)
