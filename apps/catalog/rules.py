"""Pure decisions of the catalog: the `all_size` attribute, and what is offered."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.catalog.models import Variant
from apps.catalog.types import Attribute

ALL_SIZE = "all_size"
SEPARATOR = " | "
# Contract §6 names Size, Variant and Length, "..."; the rest is how shops call what they mean.
SIZE_ATTRIBUTES = frozenset(
    {
        "size",
        "variant",
        "length",
        "width",
        "inseam",
        "waist",
        "fit",
        "cup",
        "band",
        "chest",
        "bust",
        "hip",
        "hips",
        "neck",
        "sleeve",
        "rise",
        "leg",
        "height",
        "size type",
        "size group",
        "shoe size",
        "shoe width",
        "cup size",
        "band size",
        "waist size",
        "neck size",
        "leg length",
        "sleeve length",
        "inseam length",
    }
)


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def is_size(name: str) -> bool:
    """Tells whether an attribute of this name says something about the size, whatever its case."""
    return _plain(name) in SIZE_ATTRIBUTES


def _is_all_size(name: str) -> bool:
    return _plain(name) == _plain(ALL_SIZE)


def all_sizes(product: Sequence[Sequence[Attribute]]) -> list[str]:
    """Returns the `all_size` value of each variant of one product, given the attributes of all of
    them (contract §6); empty texts where none is to be added.

    A product has several size attributes when its variants together have: all of them get the
    value, or none. None does where the source sends it itself, or where a variant has no size at
    all and its value would be empty.
    """
    nothing = [""] * len(product)
    if any(_is_all_size(attribute.name) for variant in product for attribute in variant):
        return nothing
    sizes = [[a for a in variant if is_size(a.name) and a.value.strip()] for variant in product]
    if len({_plain(size.name) for variant in sizes for size in variant}) < 2:
        return nothing
    values = [SEPARATOR.join(size.value for size in variant) for variant in sizes]
    return values if all(values) else nothing


@dataclass(frozen=True)
class Offer:
    """A variant as Optoro is answered; `left_out` says why it is not, and is empty where it is."""

    variant: Variant
    attributes: tuple[Attribute, ...]
    left_out: str = ""


OUT_OF_STOCK = "out of stock"


def offers_of(variants: Sequence[Variant], *, with_out_of_stock: bool) -> list[Offer]:
    """Returns every variant of one product with its attributes, `all_size` among them, and whether
    it is offered. Variants that are out of stock count for `all_size` too: what is sold out must
    not change the names of the others."""
    product = [
        tuple(Attribute(told["name"], told["value"]) for told in variant.attributes)
        for variant in variants
    ]
    return [
        Offer(
            variant=variant,
            attributes=(*attributes, Attribute(ALL_SIZE, value)) if value else attributes,
            left_out=_left_out(variant, with_out_of_stock),
        )
        for variant, attributes, value in zip(variants, product, all_sizes(product), strict=True)
    ]


def _left_out(variant: Variant, with_out_of_stock: bool) -> str:
    return "" if variant.quantity_in_stock > 0 or with_out_of_stock else OUT_OF_STOCK
