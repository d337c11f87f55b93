"""Exchange variants (contract §6): the shape in which they are told and answered."""

import re
from dataclasses import dataclass
from typing import Any

from apps.common.errors import FieldError
from apps.optoro.reading import Reader

MAX_VARIANTS = 1000
MAX_ATTRIBUTES = 50
MAX_STOCK = 2**31 - 1
MAX_ADDRESS = 2000
MAX_TITLE = 500

_ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


@dataclass(frozen=True)
class WireAttribute:
    """One element of a variant's `attributes`."""

    name: str
    value: str


@dataclass(frozen=True)
class WireVariant:
    """One element of `variants`."""

    sku: str
    title: str
    attributes: tuple[WireAttribute, ...]
    unit_price_amount_cents: int
    quantity_in_stock: int
    image_url: str
    product_url: str


def parse(content: Any) -> tuple[WireVariant, ...]:
    """Returns the variants of `{"variants": [...]}`; raises InvalidMessage naming every field that
    is wrong."""
    reader = Reader(content)
    reader.raise_errors()
    variants = _variants(reader)
    reader.raise_errors()
    return variants


def parse_in_item(item: Reader) -> tuple[tuple[WireVariant, ...], list[FieldError]]:
    """Returns the `variants` of an order item (contract §8), and what is wrong with them. They are
    an extra there: where anything is wrong all of them count as left out, and the order stands."""
    reader = Reader(item.content, item.path, [])
    variants = _variants(reader, required=False)
    return (() if reader.errors else variants), reader.errors


def _variants(reader: Reader, *, required: bool = True) -> tuple[WireVariant, ...]:
    elements = reader.objects("variants", required=required)
    if len(elements) > MAX_VARIANTS:
        reader.add("variants", "invalid", f"has {len(elements)}; at most {MAX_VARIANTS} fit")
        return ()
    variants = tuple(_variant(element) for element in elements)
    seen: set[str] = set()
    for index, variant in enumerate(variants):
        if variant.sku and variant.sku in seen:
            reader.add(f"variants[{index}].sku", "invalid", f"{variant.sku!r} is there twice")
        seen.add(variant.sku)
    return variants


def _variant(element: Reader) -> WireVariant:
    return WireVariant(
        sku=element.text("sku", required=True),
        title=element.text("title", required=True, limit=MAX_TITLE),
        attributes=_attributes(element),
        unit_price_amount_cents=element.cents("unit_price_amount_cents"),
        quantity_in_stock=element.count("quantity_in_stock", most=MAX_STOCK),
        image_url=_address(element, "image_url"),
        product_url=_address(element, "product_url"),
    )


def _attributes(element: Reader) -> tuple[WireAttribute, ...]:
    told = element.objects("attributes", required=True)
    if len(told) > MAX_ATTRIBUTES:
        element.add("attributes", "invalid", f"has {len(told)}; at most {MAX_ATTRIBUTES} fit")
        return ()
    return tuple(
        WireAttribute(
            name=attribute.text("name", required=True),
            value=attribute.text("value", required=True),
        )
        for attribute in told
    )


def _address(element: Reader, name: str) -> str:
    address = element.text(name, limit=MAX_ADDRESS)
    if address and not _ADDRESS.fullmatch(address):
        element.add(name, "invalid", "must be an address that begins with https://")
        return ""
    return address
