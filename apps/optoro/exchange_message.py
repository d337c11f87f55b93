"""Exchange order requests (contract §7): what Optoro's portal asks the retailer to place."""

from dataclasses import dataclass, field
from typing import Any

from babel.core import get_global

from apps.common.errors import FieldError, InvalidMessage
from apps.common.redaction import storable
from apps.optoro.reading import Reader

API_VERSIONS = ("", "1", "2")

_CURRENCIES = frozenset(get_global("all_currencies"))
# Address fields differ by API (contract §10.7).
_PROVINCE = ("province", "state")
_POSTAL_CODE = ("postal_code", "zip_code", "zip")


@dataclass(frozen=True)
class WireCustomer:
    """`customer`."""

    identifier: str = ""
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    phone: str = ""


@dataclass(frozen=True)
class WireAddress:
    """`shipping_address` or `billing_address`, whichever spelling came."""

    name: str = ""
    street1: str = ""
    street2: str = ""
    city: str = ""
    province: str = ""
    postal_code: str = ""
    country_code: str = ""
    phone: str = ""


@dataclass(frozen=True)
class WireReturnItem:
    """One element of a gift card item's `return_items`: goods that the gift card is given for."""

    original_sku: str
    original_item_identifier: str
    quantity: int
    title: str
    concept: str


@dataclass(frozen=True)
class WireItem:
    """One element of `items`; amounts in cents, None where Optoro left one out."""

    sku: str
    quantity: int
    title: str
    unit_price_amount_cents: int | None
    product_amount_cents: int | None
    discount_amount_cents: int
    tax_amount_cents: int | None
    bonus_credit_amount_cents: int
    product_identifier: str
    variant_identifier: str
    original_sku: str
    original_item_identifier: str
    concept: str
    return_items: tuple[WireReturnItem, ...]


@dataclass(frozen=True)
class WireExchangeOrder:
    """One exchange order request. `unknown` holds what the contract does not name, by path."""

    currency: str
    rma_identifier: str
    original_order_id: str
    original_secondary_order_id: str
    note: str
    is_gift: bool
    items: tuple[WireItem, ...]
    customer: WireCustomer
    shipping_address: WireAddress
    billing_address: WireAddress
    transaction_id: str
    raw: dict[str, Any]
    unknown: dict[str, Any] = field(default_factory=dict)


_FIELDS = {*WireExchangeOrder.__dataclass_fields__, "payment"} - {
    "transaction_id",
    "raw",
    "unknown",
}


def identifier_in(content: Any) -> str:
    """Returns the original order's identifier if the content has one at all, for naming what is
    refused."""
    value = content.get("original_order_id") if isinstance(content, dict) else None
    return storable(str(value))[:255] if isinstance(value, str | int) else ""


def parse(content: Any) -> WireExchangeOrder:
    """Returns the request; raises InvalidMessage naming every field that is wrong."""
    reader = Reader(content)
    reader.raise_errors()
    unknown: dict[str, Any] = {}
    order = WireExchangeOrder(
        currency=_currency(reader),
        rma_identifier=reader.text("rma_identifier"),
        original_order_id=reader.text("original_order_id", required=True),
        original_secondary_order_id=reader.text("original_secondary_order_id"),
        note=reader.text("note", limit=10_000),
        is_gift=bool(reader.flag("is_gift", required=True)),
        items=_items(reader, unknown),
        customer=_customer(reader, unknown),
        shipping_address=_address(reader, "shipping_address", unknown),
        billing_address=_address(reader, "billing_address", unknown),
        transaction_id=_transaction_id(reader, unknown),
        raw=reader.content,
        unknown=unknown,
    )
    _keep_unknown(reader, unknown, _FIELDS)
    reader.raise_errors()
    return order


def _keep_unknown(reader: Reader, unknown: dict[str, Any], known: set[str]) -> None:
    for name, value in reader.content.items():
        if name not in known and value is not None:
            unknown[f"{reader.path}.{name}" if reader.path else name] = value


def _currency(reader: Reader) -> str:
    currency = reader.text("currency", required=True)
    if currency and currency not in _CURRENCIES:
        reader.add("currency", "invalid", f"is {currency!r}: write an ISO 4217 code such as USD")
    return currency


def _object(reader: Reader, name: str) -> Reader | None:
    """Reads a required object; None, with its error noted once, where there is none."""
    found = reader.object(name, required=True)
    return found if isinstance(reader.content.get(name), dict) else None


def _customer(reader: Reader, unknown: dict[str, Any]) -> WireCustomer:
    customer = _object(reader, "customer")
    if customer is None:
        return WireCustomer()
    _keep_unknown(customer, unknown, set(WireCustomer.__dataclass_fields__))
    return WireCustomer(
        identifier=customer.text("identifier", required=True),
        email=customer.text("email", required=True),
        first_name=customer.text("first_name"),
        last_name=customer.text("last_name"),
        phone=customer.text("phone", limit=60),
    )


def _address(reader: Reader, name: str, unknown: dict[str, Any]) -> WireAddress:
    address = _object(reader, name)
    if address is None:
        return WireAddress()
    known = {*WireAddress.__dataclass_fields__, *_PROVINCE, *_POSTAL_CODE}
    _keep_unknown(address, unknown, known)
    return WireAddress(
        name=address.text("name", required=True),
        street1=address.text("street1", required=True),
        street2=address.text("street2"),
        city=address.text("city", required=True),
        province=_spelled(address, _PROVINCE),
        postal_code=_spelled(address, _POSTAL_CODE),
        country_code=address.text("country_code", required=True),
        phone=address.text("phone", limit=60),
    )


def _spelled(address: Reader, spellings: tuple[str, ...]) -> str:
    """Reads a required field that goes by several names; its first name is the one in errors."""
    errors_before = len(address.errors)
    for spelling in spellings:
        value = address.text(spelling)
        if value:
            return value
    if len(address.errors) == errors_before:
        address.add(spellings[0], "missing_field", "is required")
    return ""


def _transaction_id(reader: Reader, unknown: dict[str, Any]) -> str:
    payment = _object(reader, "payment")
    if payment is None:
        return ""
    _keep_unknown(payment, unknown, {"transaction_id"})
    return payment.text("transaction_id", required=True)


def _items(reader: Reader, unknown: dict[str, Any]) -> tuple[WireItem, ...]:
    items = reader.objects("items", required=True)
    if reader.content.get("items") == []:
        reader.add("items", "missing_field", "must hold at least one item")
    raw = reader.content.get("items")
    return tuple(
        _item(item, unknown)
        for item, told in zip(items, raw if isinstance(raw, list) else [], strict=False)
        if isinstance(told, dict)
    )


def _item(item: Reader, unknown: dict[str, Any]) -> WireItem:
    _keep_unknown(item, unknown, set(WireItem.__dataclass_fields__))
    return WireItem(
        sku=item.text("sku", required=True),
        quantity=_quantity(item),
        title=item.text("title", limit=500),
        unit_price_amount_cents=_cents_or_none(item, "unit_price_amount_cents"),
        product_amount_cents=_cents_or_none(item, "product_amount_cents"),
        discount_amount_cents=item.cents("discount_amount_cents", required=False),
        tax_amount_cents=_cents_or_none(item, "tax_amount_cents"),
        bonus_credit_amount_cents=item.cents("bonus_credit_amount_cents", required=False),
        product_identifier=item.text("product_identifier"),
        variant_identifier=item.text("variant_identifier"),
        original_sku=item.text("original_sku"),
        original_item_identifier=item.text("original_item_identifier"),
        concept=item.text("concept"),
        return_items=_return_items(item, unknown),
    )


def _quantity(item: Reader) -> int:
    """Reads a quantity from 1 to 1000; what is no number at all is told so once."""
    value = item.content.get("quantity")
    is_wrong_type = value is not None and (isinstance(value, bool) or not isinstance(value, int))
    return item.count("quantity", least=0 if is_wrong_type else 1)


def _cents_or_none(item: Reader, name: str) -> int | None:
    return None if item.content.get(name) is None else item.cents(name)


def _return_items(item: Reader, unknown: dict[str, Any]) -> tuple[WireReturnItem, ...]:
    raw = item.content.get("return_items")
    return tuple(
        _return_item(returned, unknown)
        for returned, told in zip(
            item.objects("return_items"), raw if isinstance(raw, list) else [], strict=False
        )
        if isinstance(told, dict)
    )


def _return_item(returned: Reader, unknown: dict[str, Any]) -> WireReturnItem:
    _keep_unknown(returned, unknown, set(WireReturnItem.__dataclass_fields__))
    return WireReturnItem(
        original_sku=returned.text("original_sku", required=True),
        original_item_identifier=returned.text("original_item_identifier", required=True),
        quantity=_quantity(returned),
        title=returned.text("title", limit=500),
        concept=returned.text("concept"),
    )


def field_errors(errors: list[FieldError]) -> list[dict[str, str]]:
    """Returns field errors as Optoro is told them (contract §3)."""
    return [{"field": e.field, "code": e.code, "message": e.message} for e in errors]


def refusal(error: InvalidMessage) -> dict[str, Any]:
    """Returns the body of the answer to a request that is not valid (422)."""
    return {
        "message": "The exchange order was not placed: the request is not valid",
        "errors": field_errors(error.errors),
    }
