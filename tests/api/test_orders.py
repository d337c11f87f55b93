"""Orders in: envelopes, per-order results, field errors, limits."""

import copy
import json

import pytest
from django.db import IntegrityError

from apps.api import views
from apps.orders.models import Order
from apps.refunds.models import Refund
from tests.support import builders

pytestmark = pytest.mark.django_db

URL = "/api/v1/orders"


@pytest.fixture
def post(api):
    def send(content, path=URL):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return api.post(path, body, content_type="application/json")

    return send


def outcomes(answer):
    return [result["result"] for result in answer.json()["results"]]


def broken(identifier="BAD", **changes):
    return {**builders.order(identifier), "currency": "???", **changes}


# --- Envelopes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [URL, URL + "/"])
@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_both_envelopes_take_one_order_or_many(post, path, wrap, count):
    content = {"orders": [builders.order(f"ORD-{n}") for n in range(count)]}
    answer = post({"returns_portal_order": content} if wrap else content, path)
    assert answer.status_code == 200
    assert answer.json() == {
        "results": [
            {"index": n, "identifier": f"ORD-{n}", "result": "created"} for n in range(count)
        ]
    }
    assert Order.objects.count() == count


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (b"", "", "invalid"),
        (b"nonsense", "", "invalid"),
        (b"[" * 100_000, "", "invalid"),
        (b'{"orders": [NaN]}', "", "invalid"),
        (b"[]", "", "invalid_type"),
        (b'"x"', "", "invalid_type"),
        (b"null", "", "invalid_type"),
        (b"{}", "orders", "missing_field"),
        (b'{"orders": null}', "orders", "missing_field"),
        (b'{"orders": {}}', "orders", "invalid_type"),
        (b'{"orders": []}', "orders", "missing_field"),
        (b'{"returns_portal_order": 5}', "returns_portal_order.orders", "missing_field"),
        (b'{"returns_portal_order": {"orders": 5}}', "returns_portal_order.orders", "invalid_type"),
        (b'{"orders": [' + b"1," * 10_000 + b"1]}", "orders", "invalid"),
    ],
)
def test_an_envelope_that_is_none_is_refused(post, body, field, code):
    answer = post(body)
    assert answer.status_code == 422
    assert answer.json()["message"] == "The request is not valid."
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert error["message"]
    assert Order.objects.count() == 0


# --- Results per order -------------------------------------------------------------------------


def test_the_four_outcomes(post):
    first = builders.order(updated_at="2026-01-23T10:00:00Z")
    assert outcomes(post({"orders": [first]})) == ["created"]
    assert outcomes(post({"orders": [first]})) == ["unchanged"]
    newer = builders.order(updated_at="2026-01-24T10:00:00Z")
    assert outcomes(post({"orders": [newer]})) == ["updated"]
    older = builders.order(updated_at="2026-01-22T10:00:00Z")
    answer = post({"orders": [older]})
    assert answer.status_code == 200
    assert outcomes(answer) == ["stale"]
    assert Order.objects.get().remote_updated_at.day == 24


def test_one_that_is_wrong_is_named_and_the_others_are_taken(post):
    answer = post({"orders": [builders.order("A"), broken(), builders.order("C")]})
    assert answer.status_code == 207
    first, second, third = answer.json()["results"]
    assert (first["result"], third["result"]) == ("created", "created")
    assert second == {
        "index": 1,
        "identifier": "BAD",
        "result": "rejected",
        "errors": [
            {
                "field": "currency",
                "code": "invalid",
                "message": "is '???': write an ISO 4217 code such as USD",
            }
        ],
    }
    assert set(Order.objects.values_list("identifier", flat=True)) == {"A", "C"}


def test_none_that_is_right_is_422_with_the_errors_of_all(post):
    answer = post({"orders": [broken("A"), broken("B", status="?")]})
    assert answer.status_code == 422
    content = answer.json()
    assert content["message"] == "No order was taken."
    assert [e["field"] for e in content["errors"]] == ["currency", "status", "currency"]
    assert outcomes(answer) == ["rejected", "rejected"]
    assert Order.objects.count() == 0


@pytest.mark.parametrize("content", [None, 5, "x", [], True, {}, {"identifier": None}])
def test_an_order_that_is_nothing_like_one_is_rejected(post, content):
    answer = post({"orders": [content, builders.order()]})
    assert answer.status_code == 207
    assert outcomes(answer) == ["rejected", "created"]
    assert answer.json()["results"][0]["identifier"] is None


def with_line(**changes):
    return builders.order("BAD", lines=[{**builders.line(), **changes}])


LINES_TWICE = builders.order("BAD", lines=[builders.line("1"), builders.line("1")])
TRANSACTION = {
    "identifier": "T",
    "type": "CAPTURE",
    "status": "SUCCESS",
    "amount_cents": 1,
    "gateway": "g",
}


def refund(**changes):
    return {
        "identifier": "F",
        "total_refund_amount_cents": 100,
        "refund_line_items": [{"identifier": "a", "quantity": 1, "order_item_identifier": "1"}],
        "created_at": "2026-02-01T00:00:00Z",
        **changes,
    }


def nested(depth):
    content = 1
    for _ in range(depth):
        content = [content]
    return content


@pytest.mark.parametrize(
    ("order", "field", "code"),
    [
        (LINES_TWICE, "items[1].identifier", "invalid"),
        (with_line(quantity=1001), "items[0].quantity", "invalid"),
        (with_line(product_amount_cents=10**13 + 1), "items[0].product_amount_cents", "invalid"),
        (with_line(product_amount_cents=10**400), "items[0].product_amount_cents", "invalid"),
        (with_line(title="x" * 501), "items[0].title", "invalid"),
        (with_line(sku="x" * 256), "items[0].sku", "invalid"),
        (with_line(quantity_shipped=None), "items[0].quantity_shipped", "missing_field"),
        (builders.order("x" * 256), "identifier", "invalid"),
        (builders.order("BAD", note="x" * 10_001), "note", "invalid"),
        (builders.order("BAD", note="\x00"), "note", "invalid"),
        (builders.order("BAD", note="\ud800"), "note", "invalid"),
        (builders.order("\ud800"), "identifier", "invalid"),
        (builders.order("BAD", unknown=nested(150)), ("unknown" + "[0]" * 100)[:255], "invalid"),
        (
            builders.order("BAD", transactions=[TRANSACTION] * 2),
            "transactions[1].identifier",
            "invalid",
        ),
        (builders.order("BAD", refunds=[refund(), refund()]), "refunds[1].identifier", "invalid"),
        (
            builders.order(
                "BAD", refunds=[refund(refund_line_items=[refund()["refund_line_items"][0]] * 2)]
            ),
            "refunds[0].refund_line_items[1].identifier",
            "invalid",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_an_order_that_breaks_leaves_the_others_of_its_batch_intact(post, order, field, code):
    answer = post({"orders": [builders.order("A"), order, builders.order("C")]})
    assert answer.status_code == 207
    assert outcomes(answer) == ["created", "rejected", "created"]
    errors = answer.json()["results"][1]["errors"]
    assert (field, code) in [(e["field"][:255], e["code"]) for e in errors]
    assert set(Order.objects.values_list("identifier", flat=True)) == {"A", "C"}


def test_a_batch_that_breaks_in_the_middle_has_taken_each_order_whole_or_not_at_all(
    api, post, monkeypatch
):
    real = views.take_order

    def take(*, store, wire):
        if wire.identifier == "B":
            raise IntegrityError("something nobody thought of")
        return real(store=store, wire=wire)

    monkeypatch.setattr(views, "take_order", take)
    api.raise_request_exception = False
    batch = {"orders": [builders.order(name) for name in "ABC"]}
    assert post(batch).status_code == 500
    assert set(Order.objects.values_list("identifier", flat=True)) == {"A"}
    monkeypatch.undo()


def test_the_largest_figures_that_fit_are_taken_and_read_back(post, api):
    line = builders.line(
        quantity=1000, unit_price_amount_cents=10**10, product_amount_cents=10**13, title="x" * 500
    )
    answer = post({"orders": [builders.order("x" * 255, lines=[line], total_amount_cents=10**13)]})
    assert outcomes(answer) == ["created"]
    [item] = api.get(f"{URL}/{'x' * 255}").json()["items"]
    assert item["product_amount_cents"] == 10**13


def test_the_order_of_a_batch_is_the_order_it_is_taken_in(post):
    batch = [
        builders.order(updated_at="2026-01-24T00:00:00Z", note="newer"),
        builders.order(updated_at="2026-01-23T00:00:00Z", note="older"),
        builders.order(updated_at="2026-01-24T00:00:00Z", note="newer"),
    ]
    assert outcomes(post({"orders": batch})) == ["created", "stale", "unchanged"]
    assert Order.objects.get().note == "newer"


def test_what_came_is_kept_and_not_what_was_made_of_it(post):
    order = builders.order(unknown={"a": [1, 2.5, None, "é"]}, note="  spaces  ")
    before = copy.deepcopy(order)
    post({"orders": [order]})
    assert Order.objects.get().raw == before


# --- Size --------------------------------------------------------------------------------------


def test_a_body_above_the_limit_gets_413(post, settings):
    body = json.dumps({"orders": [builders.order()]}).encode()
    settings.MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = len(body)
    assert post(body + b" ").status_code == 413
    assert post(body + b" ").json() == {"message": f"The body is larger than {len(body)} bytes"}
    assert Order.objects.count() == 0
    assert post(body).status_code == 200


# --- Refunds that come with orders -------------------------------------------------------------


def test_refunds_made_outside_are_taken_over_once(post, api):
    order = builders.order(refunds=[refund(rma_identifier="RMA-9")])
    post({"orders": [order]})
    post({"orders": [{**order, "updated_at": "2026-03-01T00:00:00Z", "note": "again"}]})
    [shown] = api.get("/api/v1/refunds").json()["results"]
    assert (shown["identifier"], shown["source"], shown["status"]) == ("F", "external", "paid")
    assert (shown["total_refund_amount_cents"], shown["rma_identifier"]) == (100, "RMA-9")
    assert shown["lines"] == [
        {
            "identifier": "a",
            "order_item_identifier": "1",
            "quantity": 1,
            "amount_cents": 100,
            "calculation": None,
        }
    ]
    [item] = api.get(f"{URL}/ORD-1").json()["items"]
    assert item["quantity_refunded"] == 1


def test_a_refund_identifier_that_another_order_has_used_is_not_swallowed(post):
    post({"orders": [builders.order("A", refunds=[refund()])]})
    answer = post({"orders": [builders.order("B", refunds=[refund()])]})
    assert outcomes(answer) == ["rejected"] or Refund.objects.filter(order__identifier="B").exists()
