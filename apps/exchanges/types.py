"""What the exchanges app is told and works out: plain, frozen. Amounts are integer cents."""

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from apps.common.hashing import sha256_of_content


@dataclass(frozen=True)
class Customer:
    """Who gets the exchange goods."""

    identifier: str
    email: str
    first_name: str = ""
    last_name: str = ""
    phone: str = ""


@dataclass(frozen=True)
class Address:
    """Where they go, or who is billed."""

    name: str
    street1: str
    city: str
    province: str
    postal_code: str
    country_code: str
    street2: str = ""
    phone: str = ""


@dataclass(frozen=True)
class ReturnItem:
    """Goods of the original order that a gift card item is given for."""

    original_sku: str
    original_item_identifier: str
    quantity: int
    title: str = ""
    concept: str = ""


@dataclass(frozen=True)
class RequestedItem:
    """One item asked for; None stands for an amount that the request leaves out."""

    sku: str
    quantity: int
    title: str = ""
    unit_price_amount_cents: int | None = None
    product_amount_cents: int | None = None
    discount_amount_cents: int = 0
    tax_amount_cents: int | None = None
    bonus_credit_amount_cents: int = 0
    product_identifier: str = ""
    variant_identifier: str = ""
    original_sku: str = ""
    original_item_identifier: str = ""
    concept: str = ""
    return_items: tuple[ReturnItem, ...] = ()


@dataclass(frozen=True)
class ExchangeRequest:
    """An exchange order as Optoro asks for it (contract §7), normalized.

    `raw` is the request as it came; `unknown` what the contract does not name, by path.
    """

    currency: str
    original_order_id: str
    items: tuple[RequestedItem, ...]
    customer: Customer
    shipping_address: Address
    billing_address: Address
    transaction_id: str
    is_gift: bool = False
    rma_identifier: str = ""
    original_secondary_order_id: str = ""
    note: str = ""
    raw: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """Returns what the request says, in one spelling only, without the original order's name:
        the same request is the same content, whatever its spacing, order or address spelling, and
        whether it calls the order by its primary or its secondary identifier."""
        content = asdict(self)
        for name in ("raw", "unknown", "original_order_id"):
            del content[name]
        return content | self.unknown

    def content_sha256(self) -> str:
        """Returns the fingerprint of `content`."""
        return sha256_of_content(self.content())


@dataclass(frozen=True)
class Difference:
    """A field in which a later request differs from the first; None where one lacks it."""

    field: str
    first: Any
    second: Any


@dataclass(frozen=True)
class SaleLine:
    """A line to be taxed. `amount_cents` is the whole line's, product less discount."""

    sku: str
    title: str
    quantity: int
    amount_cents: int
    product_identifier: str
    variant_identifier: str
    original_sku: str
    original_item_identifier: str


@dataclass(frozen=True)
class OriginalLine:
    """What was paid for the kept units of a line of the original order: taxable amount and tax,
    exact cents."""

    identifier: str
    sku: str
    product_identifier: str
    variant_identifier: str
    amount_cents: Fraction
    tax_amount_cents: Fraction


@dataclass(frozen=True)
class Sale:
    """All that a tax service is told. Gift cards are not in it: they bear no tax."""

    store_identifier: str
    currency: str
    original_order_identifier: str
    rma_identifier: str
    ship_to: Address
    lines: tuple[SaleLine, ...]
    original_lines: tuple[OriginalLine, ...]
    returned_lines: tuple[OriginalLine, ...]


@dataclass(frozen=True)
class LineTax:
    """The tax of one line in cents, where it came from in words, and the exact rate if there is
    one."""

    tax_amount_cents: int
    explanation: str
    rate: Fraction | None = None


@dataclass(frozen=True)
class PricedLine:
    """One line of a quote; amounts are the whole line's in cents. `calculation` tells how they
    came about, `doubt` why a person should look at the price."""

    item: RequestedItem
    title: str
    is_gift_card: bool
    price_source: str
    unit_price_amount_cents: int | None
    product_amount_cents: int
    tax_amount_cents: int
    calculation: dict[str, Any]
    doubt: str = ""


@dataclass(frozen=True)
class Quote:
    """What an exchange order costs; amounts in cents."""

    lines: tuple[PricedLine, ...]
    shipping_amount_cents: int
    tax_service: str

    @property
    def product_amount_cents(self) -> int:
        """Before discount, tax, shipping and bonus credit (contract §7)."""
        return sum(line.product_amount_cents for line in self.lines)

    @property
    def discount_amount_cents(self) -> int:
        """The lines' discounts."""
        return sum(line.item.discount_amount_cents for line in self.lines)

    @property
    def tax_amount_cents(self) -> int:
        """The lines' tax; shipping bears none."""
        return sum(line.tax_amount_cents for line in self.lines)

    @property
    def bonus_credit_amount_cents(self) -> int:
        """What Optoro adds to gift cards."""
        return sum(line.item.bonus_credit_amount_cents for line in self.lines)

    @property
    def total_amount_cents(self) -> int:
        """Product less discount, plus tax, shipping and bonus credit (contract §7)."""
        return (
            self.product_amount_cents
            - self.discount_amount_cents
            + self.tax_amount_cents
            + self.shipping_amount_cents
            + self.bonus_credit_amount_cents
        )
