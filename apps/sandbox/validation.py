"""What Optoro checks in the order snapshots it is sent (contract §8).

Written from the contract and independent of the desk's own code, so that a desk which misread the
contract finds out here. Nothing in this module remembers earlier snapshots; `refund_rules` does.
"""

from typing import Any

from apps.sandbox import fields as f
from apps.sandbox.fields import INVALID, MISSING, WRONG_TYPE, Field, Problem, problem
from apps.sandbox.state import JsonObject

MAX_QUANTITY = 1000

ORDER = (
    *f.required(f.name, "identifier"),
    *f.required(f.one_of("Created", "Shipped", "Canceled"), "status"),
    *f.required(
        f.cents,
        "total_amount_cents",
        "product_amount_cents",
        "tax_amount_cents",
        "discount_amount_cents",
        "shipping_amount_cents",
        "shipping_tax_amount_cents",
    ),
    *f.required(f.matches(r"[A-Z]{3}"), "currency"),
    *f.required(f.array_of_text, "tags"),
    *f.required(f.moment, "created_at", "updated_at"),
    *f.required(f.array, "items"),
    *f.required(f.mapping, "customer", "shipping_address", "billing_address"),
    *f.required(f.array, "transactions", "refunds", "discounts"),
    *f.optional(f.text, "raw_status", "secondary_identifier", "concept", "note"),
)
ITEM = (
    *f.required(f.name, "identifier", "product_identifier", "variant_identifier"),
    *f.optional(f.name, "sku", "upc"),
    *f.required(f.integer(1, MAX_QUANTITY), "quantity"),
    *f.required(f.integer(0), "quantity_shipped", "quantity_canceled"),
    *f.optional(f.integer(0), "quantity_refunded"),
    *f.required(f.text, "title"),
    *f.required(
        f.cents,
        "product_amount_cents",
        "tax_amount_cents",
        "discount_amount_cents",
        "unit_price_amount_cents",
    ),
    *f.required(f.array_of_text, "tags"),
    *f.optional(
        f.text,
        "tracking_number",
        "reverse_tracking_number",
        "dropship_identifier",
        "image_url",
        "concept",
    ),
    *f.optional(f.moment, "shipped_date"),
    *f.optional(f.day_or_moment, "return_policy_end_date"),
    *f.optional(f.array, "variants"),
    *f.optional(f.number, "weight"),
)
CUSTOMER = (
    *f.required(f.name, "identifier"),
    *f.required(f.text, "email"),
    *f.optional(f.text, "first_name", "last_name", "phone"),
    *f.optional(f.array_of_text, "tags"),
)
ADDRESS = (
    *f.required(f.text, "name", "street1", "city", "state", "zip_code"),
    *f.required(f.matches(r"[A-Z]{2}"), "country_code"),
    *f.optional(f.text, "street2", "phone"),
)
TRANSACTION = (
    *f.required(f.name, "identifier"),
    # The first transaction of a payment has no parent, but the field has to be there.
    Field("parent_identifier", f.text, may_be_null=True),
    *f.required(f.cents, "amount_cents"),
    *f.required(f.one_of("PENDING", "SUCCESS", "FAILURE"), "status"),
    *f.required(f.one_of("AUTHORIZATION", "CAPTURE", "SALE", "REFUND", "VOID"), "type"),
    *f.required(f.text, "gateway"),
    *f.required(f.yes_or_no, "is_online", "is_test"),
    *f.required(f.moment, "created_at", "updated_at"),
    *f.required(f.anything, "payment_details"),
)
DISCOUNT = (
    *f.required(f.name, "identifier"),
    *f.required(f.text, "code"),
    *f.required(f.cents, "amount_cents"),
    *f.required(f.moment, "created_at"),
    *f.optional(f.text, "type"),
    *f.optional(f.moment, "updated_at"),
)
REFUND = (
    *f.required(f.name, "identifier"),
    *f.required(f.cents, "total_refund_amount_cents"),
    *f.required(f.array, "refund_line_items"),
    *f.required(f.moment, "created_at"),
    # Required in the published schema, and in none of its samples.
    *f.optional(f.array, "refund_transactions"),
    *f.optional(f.text, "note"),
    *f.optional(f.name, "rma_identifier"),
    *f.optional(f.array_of_text, "tags"),
)
REFUND_LINE = (
    *f.required(f.name, "identifier", "order_item_identifier"),
    *f.required(f.integer(1, MAX_QUANTITY), "quantity"),
)


def validate_orders(body: Any) -> list[Problem]:
    """Returns everything wrong with the body of `POST /returns_portal_orders`."""
    if not isinstance(body, dict) or body.get("returns_portal_order") is None:
        return [problem("returns_portal_order", MISSING)]
    wrapper = body["returns_portal_order"]
    if not isinstance(wrapper, dict):
        return [problem("returns_portal_order", WRONG_TYPE)]
    orders = wrapper.get("orders")
    if orders is None:
        return [problem("orders", MISSING)]
    if not isinstance(orders, list):
        return [problem("orders", WRONG_TYPE)]
    if not orders:
        return [problem("orders", INVALID)]
    return [found for n, order in enumerate(orders) for found in check_order(order, f"orders[{n}]")]


def check_order(order: Any, path: str) -> list[Problem]:
    """Returns what is wrong with one order and all its parts."""
    problems = f.check_fields(order, path, ORDER)
    if not isinstance(order, dict):
        return problems
    for name, description in (
        ("customer", CUSTOMER),
        ("shipping_address", ADDRESS),
        ("billing_address", ADDRESS),
    ):
        if isinstance(order.get(name), dict):
            problems += f.check_fields(order[name], f"{path}.{name}", description)
    problems += _each(order, path, "transactions", TRANSACTION)
    problems += _each(order, path, "discounts", DISCOUNT)
    problems += _check_items(order, path)
    problems += _check_refunds(order, path)
    return problems


def _list_in(document: JsonObject, name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []


def _each(
    document: JsonObject, path: str, name: str, description: tuple[Field, ...]
) -> list[Problem]:
    return [
        found
        for n, element in enumerate(_list_in(document, name))
        for found in f.check_fields(element, f"{path}.{name}[{n}]", description)
    ]


def _check_items(order: JsonObject, path: str) -> list[Problem]:
    if order.get("items") == []:
        return [problem(f"{path}.items", INVALID)]
    problems = []
    seen: set[str] = set()
    for n, item in enumerate(_list_in(order, "items")):
        here = f"{path}.items[{n}]"
        found = f.check_fields(item, here, ITEM)
        problems += found
        if not isinstance(item, dict):
            continue
        if item.get("sku") is None and item.get("upc") is None:
            problems.append(problem(f"{here}.sku", MISSING))
        if not found:
            problems += _check_quantities(item, here)
            if item["identifier"] in seen:
                problems.append(problem(f"{here}.identifier", INVALID))
            seen.add(item["identifier"])
    return problems


def _check_quantities(item: JsonObject, path: str) -> list[Problem]:
    problems = []
    if item["quantity"] < item["quantity_shipped"] + item["quantity_canceled"]:
        problems.append(problem(f"{path}.quantity", INVALID))
    if (item.get("quantity_refunded") or 0) > item["quantity_shipped"]:
        problems.append(problem(f"{path}.quantity_refunded", INVALID))
    return problems


def _check_refunds(order: JsonObject, path: str) -> list[Problem]:
    problems = _each(order, path, "refunds", REFUND)
    items = [item.get("identifier") for item in _list_in(order, "items") if isinstance(item, dict)]
    for n, refund in enumerate(_list_in(order, "refunds")):
        if not isinstance(refund, dict):
            continue
        here = f"{path}.refunds[{n}]"
        problems += _each(refund, here, "refund_transactions", TRANSACTION)
        for m, line in enumerate(_list_in(refund, "refund_line_items")):
            at = f"{here}.refund_line_items[{m}]"
            found = f.check_fields(line, at, REFUND_LINE)
            problems += found
            if not found and line["order_item_identifier"] not in items:
                problems.append(problem(f"{at}.order_item_identifier", INVALID))
    return problems
