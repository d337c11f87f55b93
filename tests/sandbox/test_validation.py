"""Every rule of contract §8, each with the field and the code it is answered with."""

import pytest

from apps.sandbox.validation import validate_orders
from tests.sandbox.helpers import ADDRESS, DISCOUNT, TRANSACTION, changed, order, refund, wrapped

MISSING, WRONG_TYPE, INVALID = "missing_field", "invalid_type", "invalid"
FULL = order(
    transactions=[dict(TRANSACTION)],
    discounts=[dict(DISCOUNT)],
    refunds=[refund(refund_transactions=[dict(TRANSACTION)], note="Returned", tags=["x"])],
)


def errors_of(path, value=...):
    """Breaks one field and returns what is answered."""
    found = validate_orders(wrapped(changed(FULL, path, value)))
    return [(error["field"], error["code"]) for error in found]


def wire_path(path):
    """`items.0.sku` as the answer writes it: `orders[0].items[0].sku`."""
    text = "orders[0]"
    for step in path.split("."):
        text += f"[{step}]" if step.isdecimal() else f".{step}"
    return text


AMOUNTS = [
    *(
        f"{name}_amount_cents"
        for name in ("total", "product", "tax", "discount", "shipping", "shipping_tax")
    ),
    *(f"items.0.{name}_amount_cents" for name in ("product", "tax", "discount", "unit_price")),
    "transactions.0.amount_cents",
    "discounts.0.amount_cents",
    "refunds.0.total_refund_amount_cents",
]
NUMBERS = [
    "items.0.quantity",
    "items.0.quantity_shipped",
    "items.0.quantity_canceled",
    "refunds.0.refund_line_items.0.quantity",
]
ADDRESS_FIELDS = [
    f"{kind}_address.{name}"
    for kind in ("shipping", "billing")
    for name in ADDRESS
    if name != "phone"
]
TEXTS = [
    "identifier",
    "status",
    "currency",
    "items.0.identifier",
    "items.0.product_identifier",
    "items.0.variant_identifier",
    "items.0.title",
    "customer.identifier",
    "customer.email",
    *ADDRESS_FIELDS,
    *(f"transactions.0.{name}" for name in ("identifier", "status", "type", "gateway")),
    "discounts.0.identifier",
    "discounts.0.code",
    "refunds.0.identifier",
    "refunds.0.refund_line_items.0.identifier",
    "refunds.0.refund_line_items.0.order_item_identifier",
]
TIMES = [
    "created_at",
    "updated_at",
    "transactions.0.created_at",
    "transactions.0.updated_at",
    "discounts.0.created_at",
    "refunds.0.created_at",
]
ARRAYS = [
    "tags",
    "items",
    "transactions",
    "refunds",
    "discounts",
    "items.0.tags",
    "refunds.0.refund_line_items",
]
OBJECTS = ["customer", "shipping_address", "billing_address"]
FLAGS = ["transactions.0.is_online", "transactions.0.is_test"]
OTHERS = ["transactions.0.payment_details"]
REQUIRED = [*AMOUNTS, *NUMBERS, *TEXTS, *TIMES, *ARRAYS, *OBJECTS, *FLAGS, *OTHERS]


def test_a_full_order_is_fine():
    assert validate_orders(wrapped(FULL)) == []


@pytest.mark.parametrize("path", REQUIRED)
def test_required_fields(path):
    assert (wire_path(path), MISSING) in errors_of(path)
    assert (wire_path(path), MISSING) in errors_of(path, None)


@pytest.mark.parametrize("path", [*AMOUNTS, *NUMBERS])
@pytest.mark.parametrize("value", [True, "100", 1.0, []])
def test_whole_numbers(path, value):
    assert errors_of(path, value) == [(wire_path(path), WRONG_TYPE)]


@pytest.mark.parametrize("path", AMOUNTS)
def test_amounts_are_not_negative(path):
    assert errors_of(path, -1) == [(wire_path(path), INVALID)]


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize("value", [7, True, ["a"], {}])
def test_strings(path, value):
    assert (wire_path(path), WRONG_TYPE) in errors_of(path, value)


@pytest.mark.parametrize(
    "path",
    [path for path in TEXTS if path.endswith("identifier")],
)
def test_identifiers_are_not_empty(path):
    assert (wire_path(path), INVALID) in errors_of(path, " ")


@pytest.mark.parametrize("path", TIMES)
@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1674386661, WRONG_TYPE),
        ("yesterday", INVALID),
        ("2023-01-22", INVALID),
        ("2023-13-22T11:24:21Z", INVALID),
        ("22.01.2023 11:24", INVALID),
    ],
)
def test_times(path, value, code):
    assert errors_of(path, value) == [(wire_path(path), code)]


@pytest.mark.parametrize(
    "value",
    [
        "2023-01-22T11:24:21Z",
        "2023-01-22T11:24:21.01Z",
        "2023-01-22T11:24:21+00:00",
        "2023-01-22T06:24:21-05:00",
        "2023-01-22T11:24:21.123456",
    ],
)
def test_times_that_are_fine(value):
    assert errors_of("created_at", value) == []


@pytest.mark.parametrize("path", ARRAYS)
def test_arrays(path):
    assert errors_of(path, {"0": "x"})[0] == (wire_path(path), WRONG_TYPE)
    assert errors_of(path, "x")[0] == (wire_path(path), WRONG_TYPE)


@pytest.mark.parametrize("path", ["tags", "items.0.tags", "refunds.0.tags"])
def test_tags_are_strings(path):
    assert errors_of(path, ["FinalSale", 1]) == [(wire_path(path), WRONG_TYPE)]


@pytest.mark.parametrize(
    "path",
    [
        *OBJECTS,
        "items.0",
        "transactions.0",
        "discounts.0",
        "refunds.0",
        "refunds.0.refund_line_items.0",
        "refunds.0.refund_transactions.0",
    ],
)
def test_objects(path):
    assert (wire_path(path), WRONG_TYPE) in errors_of(path, "x")


@pytest.mark.parametrize("path", FLAGS)
def test_flags(path):
    assert errors_of(path, 1) == [(wire_path(path), WRONG_TYPE)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("status", "shipped"),
        ("status", "Refunded"),
        ("currency", "usd"),
        ("currency", "DOLLAR"),
        ("shipping_address.country_code", "USA"),
        ("transactions.0.status", "OK"),
        ("transactions.0.type", "sale"),
        ("items.0.quantity", 0),
        ("items.0.quantity", 1001),
        ("items.0.quantity", 3),
        ("items.0.quantity_refunded", 5),
        ("items.0.sku", ""),
        ("items.0.shipped_date", "soon"),
        ("items.0.return_policy_end_date", "never"),
        ("refunds.0.refund_line_items.0.quantity", 0),
        ("refunds.0.refund_line_items.0.order_item_identifier", "2"),
        ("items", []),
    ],
)
def test_values(path, value):
    assert (wire_path(path), INVALID) in errors_of(path, value)


@pytest.mark.parametrize("value", [{"quantity_shipped": 4, "quantity_canceled": 1}])
def test_shipped_and_canceled_are_within_the_quantity(value):
    broken = order(items=[order()["items"][0] | value])
    found = validate_orders(wrapped(broken))
    assert found == [{"field": "orders[0].items[0].quantity", "code": INVALID}]


def test_quantities_at_their_limits():
    item = order()["items"][0]
    most = item | {"quantity": 1000, "quantity_shipped": 999, "quantity_canceled": 1}
    assert validate_orders(wrapped(order(items=[most | {"quantity_refunded": 999}]))) == []


def test_an_item_needs_a_sku_or_a_upc():
    assert errors_of("items.0.sku") == []
    assert errors_of("items.0.upc") == []
    neither = changed(changed(FULL, "items.0.sku"), "items.0.upc")
    found = validate_orders(wrapped(neither))
    assert found == [{"field": "orders[0].items[0].sku", "code": MISSING}]


def test_line_identifiers_are_unique_in_an_order():
    twice = order(items=order()["items"] * 2)
    found = validate_orders(wrapped(twice))
    assert found == [{"field": "orders[0].items[1].identifier", "code": INVALID}]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("raw_status", 1),
        ("note", 1),
        ("customer.first_name", 1),
        ("shipping_address.street2", 1),
        ("items.0.tracking_number", 1),
        ("items.0.weight", "1.2"),
        ("items.0.weight", True),
        ("items.0.quantity_refunded", "0"),
        ("items.0.variants", {}),
        ("discounts.0.type", 1),
        ("refunds.0.note", 1),
        ("refunds.0.rma_identifier", 1),
        ("refunds.0.refund_transactions", {}),
    ],
)
def test_optional_fields_have_a_type_and_may_be_null(path, value):
    assert errors_of(path, value) == [(wire_path(path), WRONG_TYPE)]
    assert errors_of(path, None) == []


def test_refund_transactions_are_looked_at_when_there_are_any():
    path = "refunds.0.refund_transactions.0.status"
    assert errors_of(path, "x") == [(wire_path(path), INVALID)]
    assert errors_of("refunds.0.refund_transactions") == []


def test_the_parent_of_a_transaction_may_be_null_but_not_absent():
    path = "transactions.0.parent_identifier"
    assert errors_of(path, None) == []
    assert errors_of(path) == [(wire_path(path), MISSING)]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ([], "returns_portal_order", MISSING),
        ({}, "returns_portal_order", MISSING),
        ({"returns_portal_order": []}, "returns_portal_order", WRONG_TYPE),
        ({"returns_portal_order": {}}, "orders", MISSING),
        ({"returns_portal_order": {"orders": {}}}, "orders", WRONG_TYPE),
        ({"returns_portal_order": {"orders": []}}, "orders", INVALID),
        ({"returns_portal_order": {"orders": ["x"]}}, "orders[0]", WRONG_TYPE),
    ],
)
def test_the_frame(body, field, code):
    assert validate_orders(body) == [{"field": field, "code": code}]


def test_all_problems_of_all_orders_are_told():
    first = changed(changed(order(), "currency"), "items.0.title")
    second = changed(order("ORD2"), "status", "Lost")
    fields = [error["field"] for error in validate_orders(wrapped(first, order(), second))]
    assert fields == ["orders[0].currency", "orders[0].items[0].title", "orders[2].status"]
