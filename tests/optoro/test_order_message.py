"""Reading returns portal orders: everything is either an order or a list of what is wrong."""

from datetime import UTC, datetime

import pytest
from hypothesis import given

from apps.common.errors import InvalidMessage
from apps.optoro.order_message import WireOrder, identifier_in, orders_in, parse
from tests.optoro.mutations import ANY_JSON, mutations, outcome
from tests.support import builders


def transaction(identifier="T1", **changes):
    return {
        "identifier": identifier,
        "parent_identifier": "",
        "amount_cents": 52224,
        "status": "SUCCESS",
        "type": "CAPTURE",
        "gateway": "stripe",
        **changes,
    }


def refund(identifier="F1", **changes):
    return {
        "identifier": identifier,
        "total_refund_amount_cents": 13056,
        "refund_line_items": [{"identifier": "F1_1", "quantity": 1, "order_item_identifier": "1"}],
        "created_at": "2026-02-01T00:00:00Z",
        **changes,
    }


GOOD = builders.order(
    lines=[builders.line("1"), builders.line("2")],
    transactions=[transaction()],
    refunds=[refund()],
    secondary_identifier="WEB-1",
    note="a note",
)


def assert_read_or_refused(content):
    order = outcome(parse, content)
    if order is None:
        return
    assert isinstance(order, WireOrder)
    assert order.identifier
    assert order.updated_at.tzinfo is UTC
    assert order.raw is content
    names = [line.identifier for line in order.lines]
    assert len(names) == len(set(names))
    for line in order.lines:
        assert 1 <= line.quantity <= 1000
        assert line.quantity_shipped + line.quantity_canceled <= line.quantity
        assert line.quantity_refunded <= line.quantity_shipped
    for told in order.refunds:
        assert told.total_refund_amount_cents > 0
        assert {line.order_item_identifier for line in told.lines} <= set(names)


@given(ANY_JSON)
def test_any_json_is_read_or_refused(content):
    assert_read_or_refused(content)
    assert len(identifier_in(content)) <= 255


@given(mutations(GOOD))
def test_any_mutation_of_a_good_order_is_read_or_refused(content):
    assert_read_or_refused(content)


@given(ANY_JSON | mutations({"returns_portal_order": {"orders": [1]}}) | mutations({"orders": []}))
def test_any_envelope_is_opened_or_refused(content):
    assert isinstance(outcome(orders_in, content), list | None)


def test_a_whole_order():
    order = parse(GOOD)
    assert (order.identifier, order.secondary_identifier) == ("ORD-1", "WEB-1")
    assert (order.status, order.currency, order.total_amount_cents) == ("Shipped", "USD", 104448)
    assert (order.customer_email, order.customer_name) == ("ada@example.com", "Ada Example")
    assert order.updated_at == datetime(2026, 1, 23, 13, 37, 19, tzinfo=UTC)
    assert [line.identifier for line in order.lines] == ["1", "2"]
    assert order.lines[0].product_amount_cents == 51200
    assert order.transactions[0].amount_cents == 52224
    assert order.refunds[0].lines[0].quantity == 1


def errors_of(content):
    with pytest.raises(InvalidMessage) as caught:
        parse(content)
    return [(error.field, error.code) for error in caught.value.errors]


def with_line(**changes):
    return {**GOOD, "items": [builders.line("1"), {**builders.line("2"), **changes}]}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (5, ("", "invalid_type")),
        ({**GOOD, "identifier": None}, ("identifier", "missing_field")),
        ({**GOOD, "identifier": "x" * 256}, ("identifier", "invalid")),
        ({**GOOD, "status": "Sent"}, ("status", "invalid")),
        ({**GOOD, "currency": "usd"}, ("currency", "invalid")),
        ({**GOOD, "currency": "XXY"}, ("currency", "invalid")),
        ({**GOOD, "total_amount_cents": 10**13 + 1}, ("total_amount_cents", "invalid")),
        ({**GOOD, "total_amount_cents": -1}, ("total_amount_cents", "invalid")),
        ({**GOOD, "total_amount_cents": 1.5}, ("total_amount_cents", "invalid_type")),
        ({**GOOD, "tags": "FinalSale"}, ("tags", "invalid_type")),
        ({**GOOD, "tags": [1]}, ("tags", "invalid_type")),
        ({**GOOD, "note": "x" * 10_001}, ("note", "invalid")),
        ({**GOOD, "updated_at": None}, ("updated_at", "missing_field")),
        ({**GOOD, "updated_at": "0001-01-01T00:00:00Z"}, ("updated_at", "invalid")),
        ({**GOOD, "items": None}, ("items", "missing_field")),
        ({**GOOD, "items": {}}, ("items", "invalid_type")),
        ({**GOOD, "items": [5]}, ("items[0]", "invalid_type")),
        ({**GOOD, "customer": None}, ("customer", "missing_field")),
        ({**GOOD, "customer": {"identifier": "1"}}, ("customer.email", "missing_field")),
        ({**GOOD, "billing_address": []}, ("billing_address", "invalid_type")),
        ({**GOOD, "discounts": [5]}, ("discounts[0]", "invalid_type")),
        ({**GOOD, "discounts": None}, ("discounts", "missing_field")),
        (with_line(quantity=1001), ("items[1].quantity", "invalid")),
        (with_line(quantity=0), ("items[1].quantity", "invalid")),
        (with_line(quantity=True), ("items[1].quantity", "invalid_type")),
        (with_line(quantity=3, quantity_shipped=4), ("items[1].quantity", "invalid")),
        (with_line(quantity_shipped=3, quantity_canceled=2), ("items[1].quantity", "invalid")),
        (
            with_line(quantity_shipped=1, quantity_refunded=2),
            ("items[1].quantity_refunded", "invalid"),
        ),
        (with_line(sku="", upc=""), ("items[1].sku", "missing_field")),
        (with_line(title="x" * 501), ("items[1].title", "invalid")),
        (with_line(identifier="1"), ("items[1].identifier", "invalid")),
        (with_line(tax_amount_cents="1"), ("items[1].tax_amount_cents", "invalid_type")),
        (
            {**GOOD, "transactions": [transaction(), transaction()]},
            ("transactions[1].identifier", "invalid"),
        ),
        (
            {**GOOD, "transactions": [transaction(amount_cents=None)]},
            ("transactions[0].amount_cents", "missing_field"),
        ),
        ({**GOOD, "refunds": [refund(), refund()]}, ("refunds[1].identifier", "invalid")),
        (
            {**GOOD, "refunds": [refund(total_refund_amount_cents=0)]},
            ("refunds[0].total_refund_amount_cents", "invalid"),
        ),
        (
            {**GOOD, "refunds": [refund(created_at=None)]},
            ("refunds[0].created_at", "missing_field"),
        ),
        (
            {
                **GOOD,
                "refunds": [
                    refund(
                        refund_line_items=[
                            {"identifier": "a", "quantity": 1, "order_item_identifier": "9"}
                        ]
                    )
                ],
            },
            ("refunds[0].refund_line_items[0].order_item_identifier", "invalid"),
        ),
        (
            {
                **GOOD,
                "refunds": [
                    refund(
                        refund_line_items=[
                            {"identifier": "a", "quantity": 1, "order_item_identifier": "1"},
                            {"identifier": "a", "quantity": 1, "order_item_identifier": "2"},
                        ]
                    )
                ],
            },
            ("refunds[0].refund_line_items[1].identifier", "invalid"),
        ),
    ],
    ids=lambda value: f"{value[0]} {value[1]}" if isinstance(value, tuple) else "",
)
def test_each_rule_names_its_field(content, error):
    assert error in errors_of(content)


@pytest.mark.parametrize(
    "content",
    [
        with_line(quantity=1000),
        {**GOOD, "total_amount_cents": 10**13},
        {**GOOD, "note": "x" * 10_000},
        with_line(title="x" * 500),
        with_line(sku=""),
        with_line(quantity_shipped=3, quantity_canceled=1),
        with_line(quantity_shipped=2, quantity_refunded=2),
        {**GOOD, "identifier": 1001},
        {**GOOD, "transactions": [], "refunds": [], "discounts": []},
    ],
)
def test_what_is_just_within_the_rules_is_read(content):
    assert parse(content).identifier


def address(**changes):
    return {"name": "A", "street1": "1", "city": "B", "country_code": "US", **changes}


@pytest.mark.parametrize("state", ["state", "province"])
@pytest.mark.parametrize("code", ["zip_code", "postal_code", "zip"])
def test_addresses_come_in_every_spelling(state, code):
    written = address(**{state: "IL", code: "62701"})
    assert parse({**GOOD, "shipping_address": written, "billing_address": written})


def test_an_address_without_state_and_code_names_them_as_this_api_does():
    assert errors_of({**GOOD, "shipping_address": address()}) == [
        ("shipping_address.state", "missing_field"),
        ("shipping_address.zip_code", "missing_field"),
    ]


def test_more_orders_than_one_request_may_hold_are_refused():
    assert len(orders_in({"orders": [1] * 10_000})) == 10_000
    with pytest.raises(InvalidMessage, match="at most 10000"):
        orders_in({"orders": [1] * 10_001})
