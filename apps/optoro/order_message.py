"""Returns portal orders (contract §8): the shape in which orders come in and go out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from babel.core import get_global

from apps.common.errors import FieldError, InvalidMessage
from apps.common.redaction import storable
from apps.optoro.reading import MAX_ELEMENTS, Reader
from apps.optoro.variants_message import WireVariant, parse_in_item

STATUSES = ("Created", "Shipped", "Canceled")
# The tag of a refund that has nothing to do with a return (contract §8).
IGNORE_REFUND = "ignore_refund"
_CURRENCIES = frozenset(get_global("all_currencies"))
_ADDRESS_LINES = (("state", "province"), ("zip_code", "postal_code", "zip"))


@dataclass(frozen=True)
class WireLine:
    """One element of an order's `items`. `variants` is empty where they could not be used, and
    `ignored` says why."""

    identifier: str
    sku: str
    upc: str
    title: str
    product_identifier: str
    variant_identifier: str
    quantity: int
    quantity_shipped: int
    quantity_canceled: int
    quantity_refunded: int
    unit_price_amount_cents: int
    product_amount_cents: int
    tax_amount_cents: int
    discount_amount_cents: int
    tracking_number: str
    tags: tuple[str, ...]
    variants: tuple[WireVariant, ...] = ()
    ignored: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class WireTransaction:
    """One element of an order's `transactions`."""

    identifier: str
    type: str
    status: str
    amount_cents: int
    gateway: str
    parent_identifier: str


@dataclass(frozen=True)
class WireRefundLine:
    """One element of a refund's `refund_line_items`."""

    identifier: str
    order_item_identifier: str
    quantity: int


@dataclass(frozen=True)
class WireRefund:
    """One element of an order's `refunds`."""

    identifier: str
    total_refund_amount_cents: int
    created_at: datetime
    rma_identifier: str
    note: str
    lines: tuple[WireRefundLine, ...]
    is_ignored: bool
    raw: dict[str, Any]


@dataclass(frozen=True)
class WireOrder:
    """One order snapshot."""

    identifier: str
    secondary_identifier: str
    status: str
    raw_status: str
    concept: str
    currency: str
    total_amount_cents: int
    product_amount_cents: int
    tax_amount_cents: int
    discount_amount_cents: int
    shipping_amount_cents: int
    shipping_tax_amount_cents: int
    tags: tuple[str, ...]
    note: str
    customer_email: str
    customer_name: str
    customer_phone: str
    created_at: datetime
    updated_at: datetime
    lines: tuple[WireLine, ...]
    transactions: tuple[WireTransaction, ...]
    refunds: tuple[WireRefund, ...]
    raw: dict[str, Any]


def orders_in(content: Any) -> list[Any]:
    """Returns the orders of either envelope (`returns_portal_order.orders` or `orders`); raises
    InvalidMessage for anything else."""
    if not isinstance(content, dict):
        raise InvalidMessage([FieldError("", "invalid_type", "must be an object with `orders`")])
    holder = content.get("returns_portal_order", content)
    path = "returns_portal_order.orders" if "returns_portal_order" in content else "orders"
    orders = holder.get("orders") if isinstance(holder, dict) else None
    if orders is None:
        raise InvalidMessage([FieldError(path, "missing_field", "is required")])
    if not isinstance(orders, list):
        raise InvalidMessage([FieldError(path, "invalid_type", "must be a list of orders")])
    if not orders:
        raise InvalidMessage([FieldError(path, "missing_field", "must hold at least one order")])
    if len(orders) > MAX_ELEMENTS:
        message = f"has {len(orders)} orders; at most {MAX_ELEMENTS} fit into one request"
        raise InvalidMessage([FieldError(path, "invalid", message)])
    return orders


def identifier_in(content: Any) -> str:
    """Returns the order's identifier if the content has one at all, for naming what is refused."""
    value = content.get("identifier") if isinstance(content, dict) else None
    return storable(str(value))[:255] if isinstance(value, str | int) else ""


def parse(content: Any) -> WireOrder:
    """Returns one order; raises InvalidMessage naming every field that is wrong."""
    reader = Reader(content)
    reader.raise_errors()
    customer = reader.object("customer", required=True) or Reader({}, "", [])
    _check_addresses(reader)
    lines = _lines(reader)
    order = WireOrder(
        identifier=reader.text("identifier", required=True),
        secondary_identifier=reader.text("secondary_identifier"),
        status=reader.word("status", STATUSES),
        raw_status=reader.text("raw_status"),
        concept=reader.text("concept"),
        currency=_currency(reader),
        total_amount_cents=reader.cents("total_amount_cents"),
        product_amount_cents=reader.cents("product_amount_cents"),
        tax_amount_cents=reader.cents("tax_amount_cents"),
        discount_amount_cents=reader.cents("discount_amount_cents"),
        shipping_amount_cents=reader.cents("shipping_amount_cents"),
        shipping_tax_amount_cents=reader.cents("shipping_tax_amount_cents"),
        tags=reader.texts("tags", required=True),
        note=reader.text("note", limit=10_000),
        customer_email=customer.text("email", required=True),
        customer_name=f"{customer.text('first_name')} {customer.text('last_name')}".strip()[:255],
        customer_phone=customer.text("phone", limit=60),
        created_at=_required_moment(reader, "created_at"),
        updated_at=_required_moment(reader, "updated_at"),
        lines=lines,
        transactions=_transactions(reader),
        refunds=_refunds(reader, {line.identifier for line in lines}),
        raw=reader.content,
    )
    customer.text("identifier", required=True)
    reader.objects("discounts", required=True)
    reader.raise_errors()
    return order


def _required_moment(reader: Reader, name: str) -> datetime:
    return reader.moment(name, required=True) or datetime(1970, 1, 1, tzinfo=UTC)


def _currency(reader: Reader) -> str:
    currency = reader.text("currency", required=True)
    if currency and currency not in _CURRENCIES:
        reader.add("currency", "invalid", f"is {currency!r}: write an ISO 4217 code such as USD")
    return currency


def _check_addresses(reader: Reader) -> None:
    """Address fields differ by API (contract §10.7): any spelling of state and
    postal code will do."""
    for name in ("shipping_address", "billing_address"):
        address = reader.object(name, required=True)
        if address is None:
            continue
        for field in ("name", "street1", "city", "country_code"):
            address.text(field, required=True)
        for field in ("street2", "phone"):
            address.text(field)
        for spellings in _ADDRESS_LINES:
            if not any(address.text(spelling) for spelling in spellings):
                address.add(spellings[0], "missing_field", "is required")


def _lines(reader: Reader) -> tuple[WireLine, ...]:
    lines = tuple(_line(item) for item in reader.objects("items", required=True))
    _refuse_repeated(reader, "items", [line.identifier for line in lines])
    return lines


def _refuse_repeated(reader: Reader, name: str, identifiers: list[str]) -> None:
    """Notes the elements of list `name` whose identifier an earlier one has already."""
    seen: set[str] = set()
    for index, identifier in enumerate(identifiers):
        if identifier and identifier in seen:
            reader.add(f"{name}[{index}].identifier", "invalid", f"{identifier!r} is there twice")
        seen.add(identifier)


def _line(item: Reader) -> WireLine:
    variants, ignored = parse_in_item(item)
    line = WireLine(
        identifier=item.text("identifier", required=True),
        sku=item.text("sku"),
        upc=item.text("upc"),
        title=item.text("title", required=True, limit=500),
        product_identifier=item.text("product_identifier", required=True),
        variant_identifier=item.text("variant_identifier", required=True),
        quantity=item.count("quantity", least=1),
        quantity_shipped=item.count("quantity_shipped"),
        quantity_canceled=item.count("quantity_canceled"),
        quantity_refunded=item.count("quantity_refunded", required=False),
        unit_price_amount_cents=item.cents("unit_price_amount_cents"),
        product_amount_cents=item.cents("product_amount_cents"),
        tax_amount_cents=item.cents("tax_amount_cents"),
        discount_amount_cents=item.cents("discount_amount_cents"),
        tracking_number=item.text("tracking_number"),
        tags=item.texts("tags", required=True),
        variants=variants,
        ignored=tuple(ignored),
    )
    if not line.sku and not line.upc:
        item.add("sku", "missing_field", "sku or upc is required")
    if line.quantity and line.quantity_shipped + line.quantity_canceled > line.quantity:
        item.add(
            "quantity",
            "invalid",
            f"is {line.quantity}: less than shipped {line.quantity_shipped} and canceled "
            f"{line.quantity_canceled} together",
        )
    if line.quantity_refunded > line.quantity_shipped:
        item.add(
            "quantity_refunded",
            "invalid",
            f"is {line.quantity_refunded}: more than shipped {line.quantity_shipped}",
        )
    return line


def _transactions(reader: Reader) -> tuple[WireTransaction, ...]:
    transactions = tuple(_transaction(t) for t in reader.objects("transactions", required=True))
    _refuse_repeated(reader, "transactions", [told.identifier for told in transactions])
    return transactions


def _transaction(item: Reader) -> WireTransaction:
    return WireTransaction(
        identifier=item.text("identifier", required=True),
        type=item.text("type", required=True, limit=40),
        status=item.text("status", required=True, limit=40),
        amount_cents=item.cents("amount_cents"),
        gateway=item.text("gateway"),
        parent_identifier=item.text("parent_identifier"),
    )


def _refunds(reader: Reader, line_identifiers: set[str]) -> tuple[WireRefund, ...]:
    refunds = tuple(_refund(r, line_identifiers) for r in reader.objects("refunds", required=True))
    _refuse_repeated(reader, "refunds", [refund.identifier for refund in refunds])
    return refunds


def _refund(item: Reader, line_identifiers: set[str]) -> WireRefund:
    lines = []
    for line in item.objects("refund_line_items", required=True):
        read = WireRefundLine(
            identifier=line.text("identifier", required=True),
            order_item_identifier=line.text("order_item_identifier", required=True),
            quantity=line.count("quantity", least=1),
        )
        if read.order_item_identifier and read.order_item_identifier not in line_identifiers:
            line.add(
                "order_item_identifier",
                "invalid",
                f"the order has no item {read.order_item_identifier!r}",
            )
        lines.append(read)
    _refuse_repeated(item, "refund_line_items", [line.identifier for line in lines])
    total = item.cents("total_refund_amount_cents")
    if item.content.get("total_refund_amount_cents") == 0:
        item.add("total_refund_amount_cents", "invalid", "is 0: a refund must be of something")
    return WireRefund(
        identifier=item.text("identifier", required=True),
        total_refund_amount_cents=total,
        created_at=_required_moment(item, "created_at"),
        rma_identifier=item.text("rma_identifier"),
        note=item.text("note", limit=10_000),
        lines=tuple(lines),
        is_ignored=_is_ignored(item.content),
        raw=item.content,
    )


def _is_ignored(content: Mapping[str, Any]) -> bool:
    tags = content.get("tags")
    return isinstance(tags, list) and IGNORE_REFUND in tags
