"""What the catalog is told and what it tells: plain, frozen, already validated. Amounts are integer
cents in the currency of the order that is exchanged."""

from collections.abc import Mapping
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
class RowError:
    """What is wrong with one cell of an imported file, and the remedy."""

    line: int
    column: str
    value: str
    message: str


@dataclass(frozen=True)
class Place:
    """A place in an imported file: bytes before it, and the line that begins there."""

    offset: int = 0
    line: int = 1


@dataclass(frozen=True)
class FileRow:
    """One row of an imported file: `cells` by column, or why it cannot be split into them; `end` is
    where the next one begins."""

    line: int
    cells: Mapping[str, str]
    end: Place
    problem: str = ""


@dataclass(frozen=True)
class ImportedVariant:
    """One usable row of an imported file."""

    line: int
    variant_identifier: str
    data: VariantData
