"""Reading orders, RMAs, refunds and deliveries: shapes, filters at their edges, pages."""

import base64
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from tests.support import builders

pytestmark = pytest.mark.django_db


def names(api, path, name):
    answer = api.get(path)
    assert answer.status_code == 200, answer.json()
    return {result[name] for result in answer.json()["results"]}


@pytest.fixture
def refunded(send_order, send_rma, drain, optoro):
    send_order(builders.order(secondary_identifier="WEB-1"))
    send_rma(
        builders.rma(
            units=[builders.unit(exchange_order_identifier="EX-1"), builders.unit()],
            tracking="TRANSIT",
        )
    )
    drain()


# --- One order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/orders/ORD-1", "/api/v1/orders/ORD-1/"])
def test_an_order_with_everything_that_belongs_to_it(refunded, api, path):
    order = api.get(path).json()
    assert (order["identifier"], order["secondary_identifier"]) == ("ORD-1", "WEB-1")
    assert order["updated_at"] == "2026-01-23T13:37:19Z"
    [item] = order["items"]
    assert item == {
        "identifier": "1",
        "sku": "sku-1",
        "upc": "upc-1",
        "title": "Black T-Shirt",
        "product_identifier": "32174",
        "variant_identifier": "96027",
        "quantity": 4,
        "quantity_shipped": 4,
        "quantity_canceled": 0,
        "quantity_refunded": 2,
        "unit_price_amount_cents": 12800,
        "product_amount_cents": 51200,
        "tax_amount_cents": 1024,
        "discount_amount_cents": 0,
        "tracking_number": "1Z999",
        "tags": [],
    }
    assert [rma["rma_identifier"] for rma in order["rmas"]] == ["RMA-1"]
    assert order["exchange_orders"] == ["EX-1"]
    assert [r["total_refund_amount_cents"] for r in order["refunds"]] == [26112]


@pytest.mark.parametrize("name", ["NONE", "ORD-1 ", "ord-1", "%00", "a%00b", "..", "%F0%9F%98%80"])
def test_an_order_that_is_not_there_is_404(refunded, api, name):
    assert api.get("/api/v1/orders/ORD-1").status_code == 200
    assert api.get(f"/api/v1/orders/{name}").status_code == 404


# --- RMAs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/rmas/RMA-1", "/api/v1/rmas/RMA-1/"])
def test_an_rma_as_the_webhook_tells_it_with_its_refunds(refunded, api, path):
    rma = api.get(path).json()
    assert {name: rma[name] for name in ("rma_identifier", "status", "created_at")} == {
        "rma_identifier": "RMA-1",
        "status": "CREATED",
        "created_at": "2026-01-27T23:25:09Z",
    }
    first, second = rma["items"]
    assert {first["exchange_order_identifier"], second["exchange_order_identifier"]} == {
        "EX-1",
        None,
    }
    assert first["refund_financials"] == {
        "estimated_refund_amount_cents": 13056,
        "optoro_refund_amount_cents": 0,
        "shopper_refund_amount_cents": 13056,
    }
    assert [item["refund_status"] for item in rma["items"]] == ["paid", "paid"]
    assert first["original_order_identifier"] is None
    [refund] = rma["refunds"]
    assert refund["lines"][0]["quantity"] == 2


def test_a_unit_in_no_refund_has_no_refund_status(send_rma, drain, api):
    send_rma(builders.rma())
    drain()
    rma = api.get("/api/v1/rmas/RMA-1").json()
    assert [item["refund_status"] for item in rma["items"]] == [None] * 4
    assert rma["refunds"] == []


@pytest.fixture
def three_rmas(send_rma, drain):
    for day, status, method in (
        (1, "CREATED", "mail-back"),
        (2, "REFUNDED", "express-returns"),
        (3, "CANCELED", "mail-back"),
    ):
        unit = builders.unit(f"ORD-{day}")
        send_rma(
            builders.rma(
                f"RMA-{day}",
                units=[unit, unit],
                status=status,
                return_method=method,
                created_at=f"2026-01-0{day}T00:00:00Z",
                updated_at=f"2026-02-0{day}T12:00:00.500Z",
            )
        )
    drain()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {1, 2, 3}),
        ("status=CREATED", {1}),
        ("status=created", set()),
        ("return_method=mail-back", {1, 3}),
        ("status=CANCELED&return_method=mail-back", {3}),
        ("order=ORD-2", {2}),
        ("order=ORD", set()),
        ("created_after=2026-01-02T00:00:00Z", {2, 3}),
        ("created_after=2026-01-02T00:00:00.000001Z", {3}),
        ("created_before=2026-01-02T00:00:00Z", {1}),
        ("created_before=2026-01-02T00:00:00.000001Z", {1, 2}),
        ("created_after=2026-01-02T00:00:00Z&created_before=2026-01-03T00:00:00Z", {2}),
        ("created_after=2026-01-02T01:00:00%2B01:00", {2, 3}),
        ("created_after=2026-01-02T00:00:00", {2, 3}),
        ("updated_after=2026-02-02T12:00:00.500Z", {2, 3}),
        ("updated_after=2026-02-02T12:00:00.501Z", {3}),
        ("updated_before=2026-02-02T12:00:00.500Z", {1}),
        ("updated_before=2026-02-02T12:00:00.501Z", {1, 2}),
    ],
)
def test_rmas_are_filtered_from_the_start_on_and_up_to_the_end(three_rmas, api, query, found):
    assert names(api, f"/api/v1/rmas?{query}", "rma_identifier") == {f"RMA-{n}" for n in found}


@pytest.mark.parametrize(
    "query",
    ["created_after=yesterday", "updated_before=2026-13-01", "created_before=5", "order=%00"],
)
def test_a_filter_that_makes_no_sense_is_refused_and_named(three_rmas, api, query):
    answer = api.get(f"/api/v1/rmas?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


def test_an_rma_with_several_units_of_one_order_is_listed_once(three_rmas, api):
    assert len(api.get("/api/v1/rmas?order=ORD-1").json()["results"]) == 1


# --- Times -------------------------------------------------------------------------------------


def test_times_are_utc_whatever_the_screens_show(three_rmas, api, settings):
    settings.TIME_ZONE = "America/New_York"
    timezone.get_default_timezone.cache_clear()
    try:
        assert timezone.localtime(datetime(2026, 1, 1, tzinfo=UTC)).hour == 19
        rma = api.get("/api/v1/rmas/RMA-1").json()
        assert rma["created_at"] == "2026-01-01T00:00:00Z"
        naive = "created_after=2026-01-02T00:00:00"
        assert names(api, f"/api/v1/rmas?{naive}", "rma_identifier") == {"RMA-2", "RMA-3"}
    finally:
        timezone.get_default_timezone.cache_clear()


# --- Refunds -----------------------------------------------------------------------------------


def test_a_refund_with_all_its_names(refunded, api):
    [listed] = api.get("/api/v1/refunds").json()["results"]
    for slash in ("", "/"):
        assert api.get(f"/api/v1/refunds/{listed['identifier']}{slash}").json() == listed
    assert set(listed) >= {
        *("identifier", "status", "order_identifier", "rma_identifier", "currency"),
        *("total_refund_amount_cents", "shopper_amount_cents", "optoro_amount_cents"),
        *("retained_amount_cents", "bonus_credit_amount_cents", "destination"),
        *("paid_order_identifier", "recipient_email", "lines", "source", "kind", "note"),
        *("transactions", "reason", "approval_reason"),
        *("created_at", "payment_due_at", "paid_at", "reported_at", "confirmed_at"),
    }
    assert (listed["status"], listed["source"]) == ("paid", "automatic")
    assert (listed["order_identifier"], listed["paid_order_identifier"]) == ("ORD-1", "ORD-1")
    assert listed["total_refund_amount_cents"] == listed["shopper_amount_cents"] == 26112
    assert (listed["confirmed_at"], listed["payment_due_at"]) == (None, None)
    [line] = listed["lines"]
    figures = line["calculation"]
    assert (figures["paid_cents"], figures["estimated_cents"]) == (26112, 26112)
    assert (figures["amount_cents"], figures["cap_cents"]) == (line["amount_cents"], 52224)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("status=paid", 1),
        ("status=declined", 0),
        ("order_identifier=ORD-1", 1),
        ("order_identifier=ORD-2", 0),
        ("rma_identifier=RMA-1", 1),
        ("rma_identifier=RMA-2", 0),
        ("status=paid&rma_identifier=RMA-2", 0),
        ("kind=goods", 1),
        ("kind=goodwill", 0),
    ],
)
def test_refunds_are_filtered(refunded, api, query, count):
    assert len(api.get(f"/api/v1/refunds?{query}").json()["results"]) == count


def test_a_status_or_kind_that_no_refund_can_have_is_refused(refunded, api):
    assert api.get("/api/v1/refunds?status=lost").status_code == 400
    assert api.get("/api/v1/refunds?kind=lost").status_code == 400


# --- Deliveries --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"RMA-1", "RMA-2", "RMA-3", ""}),
        ("state=processed", {"RMA-1", "RMA-2", "RMA-3"}),
        ("state=quarantined", {""}),
        ("state=failed", set()),
        ("subject=RMA-2", {"RMA-2"}),
        ("topic=rma&state=quarantined", {""}),
    ],
)
def test_deliveries_are_filtered(three_rmas, send_rma, drain, api, query, found):
    send_rma(b"nonsense")
    drain()
    assert names(api, f"/api/v1/deliveries?{query}", "subject") == found


def test_a_state_that_no_delivery_can_have_is_refused(api):
    assert api.get("/api/v1/deliveries?state=lost").status_code == 400


def test_a_delivery_shows_no_body_and_no_traceback(three_rmas, api):
    [shown, *_] = api.get("/api/v1/deliveries").json()["results"]
    assert set(shown) == {
        *("id", "topic", "state", "copies", "subject", "error", "attempts"),
        *("received_at", "last_received_at", "processed_at"),
    }


# --- Pages -------------------------------------------------------------------------------------


def test_pages_neither_repeat_nor_skip_a_row_while_rows_are_added(send_rma, drain, api):
    for number in range(7):
        send_rma(builders.rma(f"RMA-{number}"))
    drain()
    page = api.get("/api/v1/rmas?page_size=3").json()
    assert page["previous"] is None
    seen = [rma["rma_identifier"] for rma in page["results"]]
    send_rma(builders.rma("RMA-new"))
    drain()
    while page["next"]:
        page = api.get(page["next"]).json()
        seen += [rma["rma_identifier"] for rma in page["results"]]
    assert seen == [f"RMA-{number}" for number in (6, 5, 4, 3, 2, 1, 0)]
    assert len(api.get(page["previous"]).json()["results"]) == 3


def test_a_page_keeps_its_filters(three_rmas, api):
    page = api.get("/api/v1/rmas?return_method=mail-back&page_size=1").json()
    following = api.get(page["next"]).json()
    assert [r["rma_identifier"] for r in page["results"] + following["results"]] == [
        "RMA-3",
        "RMA-1",
    ]
    assert following["next"] is None


@pytest.mark.parametrize("size", ["0", "-1", "abc", "100000", ""])
def test_a_page_size_that_makes_no_sense_is_a_page_of_the_usual_or_greatest_size(
    three_rmas, api, size
):
    assert len(api.get(f"/api/v1/rmas?page_size={size}").json()["results"]) == 3


@pytest.mark.parametrize(
    "text", ["p=abc", "p=", "p=-1", "p=1e5", "p=" + "9" * 5000, "o=x", "nonsense", "\x00", "p=\x00"]
)
def test_a_cursor_that_was_made_up_is_refused_or_harmless(three_rmas, api, text):
    cursor = base64.b64encode(text.encode()).decode()
    assert api.get("/api/v1/rmas", {"cursor": cursor}).status_code in (200, 404)
    assert api.get("/api/v1/rmas", {"cursor": text}).status_code in (200, 404)
