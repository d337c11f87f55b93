"""What the catalog is told and what it tells: plain, frozen, already validated. Amounts are integer
cents in the currency of the order that is exchanged."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Attribute:
    """One property of a variant, such as its size, as the source names it."""

    name: str
    value: str


@dataclass(frozen=True)
class VariantData:
    """One variant as a source tells of it (contract §6)."""

    sku: str
    title: str
    attributes: tuple[Attribute, ...]
    unit_price_amount_cents: int
    quantity_in_stock: int
    image_url: str = ""
    product_url: str = ""


@dataclass(frozen=True)
class Replaced:
    """What replacing a product's set of variants did; counts are of variants."""

    is_new: bool = False
    created: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0

    @property
    def outcome(self) -> str:
        """`created`, `updated` or `unchanged`."""
        if self.is_new:
            return "created"
        return "updated" if self.created or self.updated or self.removed else "unchanged"


@dataclass(frozen=True)
class ImportedVariant:
    """One usable row of an imported file."""

    line: int
    variant_identifier: str
    data: VariantData
