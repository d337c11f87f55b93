"""Bodies that cannot be used, in every way there is: answered 200, kept, set aside, and shown."""

import json
from typing import Any

import pytest

from apps.attention.models import Item
from apps.inbox.models import Delivery
from tests.support import builders

pytestmark = pytest.mark.django_db


def with_raw(name: str, raw: str, **changes: Any) -> bytes:
    """A good message in which one top-level value is replaced by raw JSON text."""
    message = builders.rma(**changes)
    message[name] = "@@"
    return json.dumps(message).replace('"@@"', raw).encode()


def with_item(name: str, raw: str) -> bytes:
    """A good message with two units; the second one's field is replaced by raw JSON text."""
    return with_raw(
        "items",
        json.dumps([builders.unit(), {**builders.unit(), name: "@@"}]).replace('"@@"', raw),
    )


def with_figure(name: str, raw: str) -> bytes:
    figures = {**builders.unit()["refund_financials"], name: "@@"}
    return with_item("refund_financials", json.dumps(figures).replace('"@@"', raw))


@pytest.fixture
def received(send_rma, drain, api):
    """Sends a body, works it off, and returns the delivery as the API shows it."""

    def receive(body: bytes) -> dict[str, Any]:
        answer = send_rma(body)
        assert (answer.status_code, answer.json()) == (200, {"message": "Success"})
        drain()
        [shown] = api.get("/api/v1/deliveries").json()["results"]
        assert bytes(Delivery.objects.get().body) == body
        return shown

    return receive


def assert_quarantined(shown: dict[str, Any], error: str, subject: str, api: Any) -> None:
    assert shown["state"] == "quarantined", shown
    assert error in shown["error"]
    assert shown["subject"] == subject
    assert api.get("/api/v1/rmas").json()["results"] == []
    item = Item.objects.get(kind="message_quarantined", resolved_at=None)
    assert item.subject == str(shown["id"])
    assert item.rma_identifier == subject
    assert error in item.detail


NO_SUBJECT = [
    (b"", "not JSON: Expecting value"),
    (b"   ", "not JSON"),
    (b"hello", "not JSON"),
    (b'{"rma_identifier": "R"', "not JSON"),
    (b"{'rma_identifier': 'R'}", "not JSON"),
    (b'{"rma_identifier": "R"} {}', "not JSON: Extra data"),
    (b'{"rma_identifier": "\x00"}', "not JSON: Invalid control character"),
    (b'{"rma_identifier": "\xff"}', "not JSON: 'utf-8' codec can't decode byte 0xff"),
    (b"\xed\xa0\x80", "not JSON"),
    (b"[" * 5000 + b"]" * 5000, "nested more than 100 levels deep"),
    (b"[" * 100_000, "nested more than 100 levels deep"),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested more than 100 levels deep"),
    (with_raw("return_shipping_cost_cents", "NaN"), "NaN is not a JSON number"),
    (with_raw("return_shipping_cost_cents", "-Infinity"), "-Infinity is not a JSON number"),
    (with_raw("rma_identifier", "1e400"), "1e400 is too large a number"),
    (with_raw("return_shipping_cost_cents", "9" * 5000), "not JSON: Exceeds the limit"),
    (b"null", "must be an object"),
    (b"true", "must be an object"),
    (b"12", "must be an object"),
    (b'"RMA-1"', "must be an object"),
    (b"[]", "must be an object"),
    (b'[{"rma_identifier": "R"}]', "must be an object"),
    (b"{}", "rma_identifier: is required"),
    (with_raw("rma_identifier", "null"), "rma_identifier: is required"),
    (with_raw("rma_identifier", '""'), "rma_identifier: must not be empty"),
    (with_raw("rma_identifier", "[]"), "rma_identifier: must be text, not a list"),
    (with_raw("rma_identifier", "{}"), "rma_identifier: must be text, not an object"),
]


@pytest.mark.parametrize(("body", "error"), NO_SUBJECT, ids=[e[:40] for _, e in NO_SUBJECT])
def test_what_names_no_rma_is_quarantined_with_the_reason(body, error, received, api):
    assert_quarantined(received(body), error, "", api)


NAMED = [
    (with_raw("rma_identifier", '"R\\u0000"'), "rma_identifier: holds a NUL", "R\\x00"),
    (with_raw("rma_identifier", '"R\\ud800"'), "rma_identifier: holds", "R\\ud800"),
    (with_raw("rma_identifier", '"' + "\\u0000" * 300 + '"'), "holds a NUL", "\\x00" * 63 + "\\x0"),
    (with_raw("concept", '"\\u0000"'), "concept: holds a NUL character", "RMA-1"),
    (with_item("sku", '"\\udc00"'), "items[1].sku: holds a NUL character or half", "RMA-1"),
    (with_raw("unknown", '{"a\\u0000": 1}'), "unknown: holds a NUL character", "RMA-1"),
    (with_raw("unknown", "[" * 150 + "]" * 150), "nested more than 100 levels deep", "RMA-1"),
    (with_raw("rma_identifier", "true"), "rma_identifier: must be text, not true or f", "True"),
    (with_raw("rma_identifier", json.dumps("R" * 256)), "256 characters long", "R" * 255),
    (with_raw("rma_identifier", "9" * 4000), "rma_identifier: is 4000 characters", "9" * 255),
    (with_raw("return_shipping_cost_cents", "9" * 4000), "too large to be an amount", "RMA-1"),
    (with_raw("items", "[]"), "items: must hold at least one unit", "RMA-1"),
    (with_raw("items", "null"), "items: is required", "RMA-1"),
    (with_raw("items", '"x"'), "items: must be a list, not text", "RMA-1"),
    (with_raw("items", "{}"), "items.order_identifier: is required", "RMA-1"),
    (with_raw("items", "[1]"), "items[0]: must be an object", "RMA-1"),
    (with_raw("items", "[[]]"), "items[0]: must be an object", "RMA-1"),
    (with_raw("items", "[" + "1," * 10_000 + "1]"), "10001 elements; at most 10000 fit", "RMA-1"),
    (with_raw("status", "null"), "status: is required", "RMA-1"),
    (with_raw("status", "5.5e3e"), "not JSON", ""),
    (with_raw("return_method", '" "'), "return_method: must not be empty", "RMA-1"),
    (with_raw("return_shipping_cost_cents", "-1"), "must not be negative", "RMA-1"),
    (with_raw("return_shipping_cost_cents", "1.0"), "return_shipping_cost_cents: mus", "RMA-1"),
    (with_raw("return_shipping_cost_cents", '"1"'), "must be a whole number, not text", "RMA-1"),
    (with_raw("return_shipping_cost_cents", "true"), "not true or false", "RMA-1"),
    (with_raw("bonus_credit_amount_cents", "[]"), "bonus_credit_amount_cents: must", "RMA-1"),
    (with_raw("gift_refund_only", '"yes"'), "gift_refund_only: must be true or false", "RMA-1"),
    (with_raw("gift_refund_only", "1"), "gift_refund_only: must be true or false", "RMA-1"),
    (with_raw("receiving_complete", "{}"), "receiving_complete: must be true or", "RMA-1"),
    (with_raw("giftee_email", "[]"), "giftee_email: must be text, not a list", "RMA-1"),
    (with_raw("warehouse_id", "false"), "warehouse_id: must be text", "RMA-1"),
    (with_raw("concept", "{}"), "concept: must be text, not an object", "RMA-1"),
    (with_raw("created_at", '"yesterday"'), "created_at: is 'yesterday'", "RMA-1"),
    (with_raw("updated_at", '"2026-13-01T00:00:00Z"'), "updated_at: is '2026-13", "RMA-1"),
    (with_raw("updated_at", '"0001-01-01T00:00:00Z"'), "updated_at: is '0001-01-01T00", "RMA-1"),
    (with_raw("created_at", '"0001-01-01T00:00:00+14:00"'), "created_at: is '0001", "RMA-1"),
    (with_raw("created_at", '"9999-12-31T23:59:59-14:00"'), "created_at: is '9999", "RMA-1"),
    (with_raw("created_at", '"9999-12-31T23:59:59Z"'), "created_at: is '9999", "RMA-1"),
    (with_raw("created_at", "5"), "created_at: is '5'", "RMA-1"),
    (with_raw("created_at", "true"), "created_at: must be text", "RMA-1"),
    (with_item("order_identifier", "null"), "items[1].order_identifier: is required", "RMA-1"),
    (with_item("order_identifier", "[]"), "items[1].order_identifier: must be text", "RMA-1"),
    (with_item("order_line_item_identifier", '""'), "items[1].order_line_item_id", "RMA-1"),
    (with_item("secondary_identifier", "{}"), "items[1].secondary_identifier: must", "RMA-1"),
    (with_item("sku", "[]"), "items[1].sku: must be text", "RMA-1"),
    (with_item("upc", "true"), "items[1].upc: must be text", "RMA-1"),
    (with_item("return_reason", "{}"), "items[1].return_reason: must be text", "RMA-1"),
    (with_item("refund_type", "null"), "items[1].refund_type: is required", "RMA-1"),
    (with_item("refund_type", "[]"), "items[1].refund_type: must be text", "RMA-1"),
    (with_item("is_exchange", '"true"'), "items[1].is_exchange: must be true or fa", "RMA-1"),
    (with_item("exchange_order_identifier", "[]"), "items[1].exchange_order_identif", "RMA-1"),
    (with_item("original_order_identifier", "{}"), "items[1].original_order_identif", "RMA-1"),
    (with_item("tracking_number", "[]"), "items[1].tracking_number: must be text", "RMA-1"),
    (with_item("package_tracking_status", "{}"), "items[1].package_tracking_status:", "RMA-1"),
    (with_item("receiving_status", "[]"), "items[1].receiving_status: must be text", "RMA-1"),
    (with_item("warehouse_receipt_condition", "{}"), "items[1].warehouse_receipt_co", "RMA-1"),
    (with_item("refund_financials", "null"), "items[1].refund_financials: is requir", "RMA-1"),
    (with_item("refund_financials", '"x"'), "items[1].refund_financials: must be an", "RMA-1"),
    (
        with_figure("estimated_refund_amount_cents", "null"),
        "items[1].refund_financials.estimated_refund_amount_cents: is required",
        "RMA-1",
    ),
    (
        with_figure("shopper_refund_amount_cents", "-1"),
        "items[1].refund_financials.shopper_refund_amount_cents: is -1: must not be negative",
        "RMA-1",
    ),
    (
        with_figure("optoro_refund_amount_cents", '"0"'),
        "items[1].refund_financials.optoro_refund_amount_cents: must be a whole number, not text",
        "RMA-1",
    ),
    (
        with_figure("estimated_refund_amount_cents", str(10**13 + 1)),
        "too large to be an amount in cents",
        "RMA-1",
    ),
]


@pytest.mark.parametrize(("body", "error", "subject"), NAMED, ids=[n[1][:50] for n in NAMED])
def test_what_is_wrong_is_named_with_its_field_and_shown_with_its_rma(
    body, error, subject, received, api
):
    assert_quarantined(received(body), error, subject, api)


def test_everything_that_is_wrong_is_named_at_once(received):
    message = builders.rma(items=[{}], status=None, return_shipping_cost_cents="x")
    error = received(builders.body(message))["error"]
    for field in (
        "status",
        "return_shipping_cost_cents",
        "items[0].order_identifier",
        "items[0].order_line_item_identifier",
        "items[0].refund_type",
        "items[0].refund_financials",
    ):
        assert f"{field}: " in error


def test_a_message_wrong_in_ten_thousand_places_costs_no_more_than_a_hundred_errors(received):
    error = received(with_raw("items", "[" + "1," * 9_999 + "1]"))["error"]
    assert error.count("; ") == 99


USABLE = [
    ("BOM", b"\xef\xbb\xbf" + builders.body(builders.rma()), {}),
    ("UTF-16", json.dumps(builders.rma()).encode("utf-16"), {}),
    ("number", with_raw("rma_identifier", "12345"), {"rma_identifier": "12345"}),
    ("big number", with_raw("rma_identifier", "9" * 200), {"rma_identifier": "9" * 200}),
    ("spaces", with_raw("rma_identifier", '" R 1 "'), {"rma_identifier": "R 1"}),
    (
        "characters",
        with_raw("rma_identifier", '"R-é-€-\\ud83d\\ude00"'),
        {"rma_identifier": "R-é-€-😀"},
    ),
    ("longest", with_raw("rma_identifier", json.dumps("R" * 255)), {"rma_identifier": "R" * 255}),
    ("unknown fields", with_raw("vendor", '{"a": [1, null]}'), {}),
    ("deep but not too deep", with_raw("vendor", "[" * 90 + "]" * 90), {}),
    ("no updated_at", with_raw("updated_at", "null"), {"updated_at": None}),
    (
        "no offset",
        with_raw("updated_at", '"2026-01-28T10:00:00"'),
        {"updated_at": "2026-01-28T10:00:00Z"},
    ),
    (
        "offset",
        with_raw("updated_at", '"2026-01-28T10:00:00.250+02:00"'),
        {"updated_at": "2026-01-28T08:00:00.250000Z"},
    ),
    (
        "first year",
        with_raw("created_at", '"1970-01-01T00:00:00Z"'),
        {"created_at": "1970-01-01T00:00:00Z"},
    ),
    ("warehouse number", with_raw("warehouse_id", "7"), {"warehouse_id": "7"}),
    ("zero", with_raw("bonus_credit_amount_cents", "0"), {"bonus_credit_amount_cents": 0}),
    (
        "largest amount",
        with_raw("return_shipping_cost_cents", str(10**13)),
        {"return_shipping_cost_cents": 10**13},
    ),
    ("same name twice", with_raw("concept", '"a", "concept": "b"'), {"concept": "b"}),
    ("bare item", builders.body({**builders.rma(), "items": builders.unit()}), {}),
]


@pytest.mark.parametrize(("body", "expected"), [u[1:] for u in USABLE], ids=[u[0] for u in USABLE])
def test_what_the_contract_allows_is_processed(body, expected, received, api):
    shown = received(body)
    assert (shown["state"], shown["error"]) == ("processed", "")
    [rma] = api.get("/api/v1/rmas").json()["results"]
    assert shown["subject"] == rma["rma_identifier"]
    assert {name: rma[name] for name in expected} == expected


def test_identifiers_of_items_may_be_numbers(send_order, send_rma, drain, api):
    send_order(builders.order("1001", lines=[builders.line("7")]))
    unit = {
        **builders.unit(),
        "order_identifier": 1001,
        "order_line_item_identifier": 7,
        "sku": 1,
        "tracking_number": 92023909899840543401202533,
    }
    send_rma(builders.rma(units=[unit]))
    drain()
    [item] = api.get("/api/v1/rmas/RMA-1").json()["items"]
    assert item["order_identifier"] == "1001"
    assert item["tracking_number"] == "92023909899840543401202533"
    [rma] = api.get("/api/v1/orders/1001").json()["rmas"]
    assert rma["rma_identifier"] == "RMA-1"


# --- Values the contract does not know ---------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field", "value", "read"),
    [
        (with_raw("status", '"ON_HOLD"'), "status", "ON_HOLD", lambda r: r["status"]),
        (
            with_raw("return_method", '"drone"'),
            "return_method",
            "drone",
            lambda r: r["return_method"],
        ),
        *(
            (with_item(name, '"ODD"'), name, "ODD", lambda r, n=name: r["items"][-1][n])
            for name in (
                "refund_type",
                "package_tracking_status",
                "receiving_status",
                "warehouse_receipt_condition",
            )
        ),
        (with_raw("status", '"created"'), "status", "created", lambda r: r["status"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unknown_values_are_kept_and_processed_and_somebody_is_told(
    body, field, value, read, received, api, send_rma, drain
):
    shown = received(body)
    assert (shown["state"], shown["subject"]) == ("processed", "RMA-1")
    rma = api.get("/api/v1/rmas/RMA-1").json()
    values = {item[field] for item in rma["items"]} if field in rma["items"][0] else {read(rma)}
    assert value in values
    item = Item.objects.get(kind="contract_drift")
    assert (item.subject, item.rma_identifier) == (f"{field}={value}", "RMA-1")
    assert repr(value) in item.detail

    send_rma(body.replace(b"RMA-1", b"RMA-2"))
    drain()
    item = Item.objects.get(kind="contract_drift")
    assert "RMA-2" in item.detail


def test_known_values_raise_no_drift(received):
    received(builders.body(builders.rma(tracking="TRANSIT")))
    assert not Item.objects.filter(kind="contract_drift").exists()


@pytest.mark.parametrize(
    ("old", "new"), [("EVEN_EXCHANGE", "INSTANT_EXCHANGE"), ("UNEVEN_GC", "INSTANT_STORE_CREDIT")]
)
def test_older_names_of_refund_types_are_the_newer_ones(old, new, received, api):
    received(with_item("refund_type", json.dumps(old)))
    rma = api.get("/api/v1/rmas/RMA-1").json()
    assert new in {item["refund_type"] for item in rma["items"]}
    assert not Item.objects.filter(kind="contract_drift").exists()
