"""Exchange orders over the API: for the order system that is to ship them."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.services import create_api_key
from apps.exchanges.models import ExchangeOrder
from apps.stores.models import Store
from tests.support import builders
from tests.support.exchange_requests import gift_card, item, post, request, variant

pytestmark = pytest.mark.django_db

LIST = "/api/v1/exchange_orders"
ONE = f"{LIST}/ORD-1-X"


@pytest.fixture
def placed(store, send_order):
    """ORD-1 was exchanged for four of sku1236 and a gift card."""
    send_order(builders.order(secondary_identifier="WEB-1"))
    variant(store)
    message = request(items=[item(), gift_card()], original_secondary_order_id="WEB-1")
    assert post(message).status_code == 200
    return message


def names(api, query: str = "") -> list[str]:
    answer = api.get(f"{LIST}{query}")
    assert answer.status_code == 200, answer.json()
    return [row["order_identifier"] for row in answer.json()["results"]]


@pytest.mark.parametrize("path", [ONE, f"{ONE}/"])
def test_as_posted_with_the_answer_given(placed, api, path):
    shown = api.get(path).json()
    assert {name: shown[name] for name in placed} == placed
    assert shown["answer"] == {
        "order_identifier": "ORD-1-X",
        "total_amount_cents": 62724,
        "product_amount_cents": 61200,
        "tax_amount_cents": 1024,
    }
    assert {name: shown[name] for name in shown["answer"]} == shown["answer"]
    assert (shown["discount_amount_cents"], shown["shipping_amount_cents"]) == (0, 0)
    assert shown["bonus_credit_amount_cents"] == 500
    assert (shown["status"], shown["is_fulfilled"], shown["fulfilment"]) == ("placed", False, None)
    assert [(line["sku"], line["tax_amount_cents"]) for line in shown["lines"]] == [
        ("sku1236", 1024),
        ("OPTOROGIFTCARD", 0),
    ]
    assert shown["lines"][0]["calculation"]["tax_rate"] == [1, 50]
    assert shown["placed_at"].endswith("Z")


def test_what_is_posted_never_passes_for_what_the_desk_says(store, send_order, api):
    send_order(builders.order())
    variant(store)
    words = {
        "order_identifier": "ORD-9",
        "status": "shipped",
        "is_fulfilled": True,
        "fulfilment": {"status": "Shipped"},
        "total_amount_cents": 1,
        "lines": [],
        "answer": {},
        "gift_message": "Enjoy",
    }
    assert post(request(**words)).status_code == 200
    shown = api.get(ONE).json()
    assert (shown["order_identifier"], shown["status"]) == ("ORD-1-X", "placed")
    assert (shown["is_fulfilled"], shown["fulfilment"]) == (False, None)
    assert (shown["total_amount_cents"], len(shown["lines"])) == (52224, 1)
    assert shown["answer"]["total_amount_cents"] == 52224
    assert "gift_message" not in shown
    kept = ExchangeOrder.objects.get().request
    assert {name: kept[name] for name in words} == words


def test_the_order_system_sees_what_to_ship_and_reports_it(placed, api, send_order):
    assert names(api, "?is_fulfilled=false") == ["ORD-1-X"]
    assert names(api, "?is_fulfilled=true") == []
    line = builders.line(quantity_shipped=0)
    send_order(builders.order("ORD-1-X", [line], status="Created"))
    assert names(api, "?is_fulfilled=false") == ["ORD-1-X"]
    assert api.get(ONE).json()["status"] == "placed"
    send_order(builders.order("ORD-1-X", updated_at="2026-02-01T00:00:00Z"))
    assert names(api, "?is_fulfilled=false") == []
    assert names(api, "?is_fulfilled=true") == ["ORD-1-X"]
    shown = api.get(ONE).json()
    assert (shown["status"], shown["is_fulfilled"]) == ("shipped", True)
    assert shown["fulfilment"] == {
        "order_identifier": "ORD-1-X",
        "status": "Shipped",
        "raw_status": "fulfilled",
        "quantity_shipped": 4,
        "tracking_numbers": ["1Z999"],
        "updated_at": "2026-02-01T00:00:00Z",
    }


def test_a_canceled_one_is_neither_shipped_nor_to_be_shipped(placed, api, send_order):
    send_order(builders.order("ORD-1-X", status="Canceled"))
    assert names(api, "?is_fulfilled=false") == names(api, "?is_fulfilled=true") == []
    assert names(api, "?status=canceled") == ["ORD-1-X"]
    assert names(api, "?status=placed") == names(api, "?status=shipped") == []


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ("original_order_id=ORD-1", True),
        ("original_order_id=ORD-2", False),
        ("original_order_id=ORD-1-X", False),
        ("rma_identifier=RMA-1", True),
        ("rma_identifier=RMA-2", False),
        ("created_after=2026-01-01T12:00:00Z", True),
        ("created_after=2026-01-01T12:00:00.001Z", False),
        ("created_before=2026-01-01T12:00:00Z", False),
        ("created_before=2026-01-01T12:00:00.001Z", True),
        ("status=placed&rma_identifier=RMA-1", True),
    ],
)
def test_filters(placed, api, query, is_there):
    ExchangeOrder.objects.update(placed_at="2026-01-01T12:00:00Z")
    assert names(api, f"?{query}") == (["ORD-1-X"] if is_there else [])


@pytest.mark.parametrize("query", ["created_after=yesterday", "status=lost"])
def test_a_filter_that_makes_no_sense_is_refused(placed, api, query):
    answer = api.get(f"{LIST}?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "invalid"


def test_an_order_that_was_named_by_its_secondary_is_found_by_both(placed, api, send_order):
    send_order(builders.order("ORD-2", secondary_identifier="WEB-2"))
    post(request("WEB-2"))
    for name in ("ORD-2", "WEB-2"):
        assert names(api, f"?original_order_id={name}") == ["ORD-2-X"]


def test_pages_newest_first_in_a_fixed_number_of_queries(placed, api, send_order):
    def count(query: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            api.get(f"{LIST}{query}")
        return len(queries)

    one = count("")
    for number in range(2, 6):
        send_order(builders.order(f"ORD-{number}"))
        post(request(f"ORD-{number}"))
        send_order(builders.order(f"ORD-{number}-X"))
    assert count("") == one + 1  # the lines of the own orders
    first = api.get(f"{LIST}?page_size=3").json()
    assert [row["order_identifier"] for row in first["results"]] == [
        "ORD-5-X",
        "ORD-4-X",
        "ORD-3-X",
    ]
    second = api.get(first["next"]).json()
    assert [row["order_identifier"] for row in second["results"]] == ["ORD-2-X", "ORD-1-X"]


def test_the_order_tells_its_exchange_orders(placed, api, send_order):
    send_order(builders.order("ORD-1-X"))
    assert api.get("/api/v1/orders/ORD-1").json()["exchange_orders"] == ["ORD-1-X"]
    assert api.get("/api/v1/orders/ORD-1-X").json()["exchange_orders"] == []


# --- Who may read them -------------------------------------------------------------------------


def test_another_stores_are_not_there(placed, api):
    other = Store.objects.create(identifier="two", name="Two")
    key = create_api_key(store=other, name="x", scopes=["read"])
    stranger = Client(headers={"X-API-Key": key})
    assert api.get(ONE).status_code == 200
    assert stranger.get(ONE).status_code == 404
    assert stranger.get(LIST).json()["results"] == []
    assert stranger.get(f"{LIST}?original_order_id=ORD-1").json()["results"] == []


@pytest.mark.parametrize("path", [LIST, ONE])
def test_a_key_without_the_scope_or_no_key_at_all(placed, store, path):
    key = create_api_key(store=store, name="x", scopes=["orders:write"])
    answer = Client(headers={"X-API-Key": key}).get(path)
    assert answer.status_code == 403
    assert answer.json() == {"message": "This key does not have the scope 'read'."}
    assert Client().get(path).status_code == 401
    assert Client(headers={"X-API-Key": "webhook-key"}).get(path).status_code == 401


@pytest.mark.parametrize("path", [LIST, f"{LIST}/", ONE, f"{ONE}/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405(placed, api, path, method):
    answer = api.generic(method, path, b"{}", content_type="application/json")
    assert answer.status_code == 405


@pytest.mark.parametrize("name", ["NONE", "ORD-1", "%00", "a/b"])
def test_what_is_not_there_is_404(placed, api, name):
    assert api.get(f"{LIST}/{name}").status_code == 404


def test_the_schema_names_them(api):
    schema = Client().get("/api/schema/?format=json").json()
    assert "/api/v1/exchange_orders/" in schema["paths"]
    detail = schema["paths"]["/api/v1/exchange_orders/{order_identifier}/"]["get"]
    assert detail["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "ExchangeOrder"
    )
    assert "answer" in schema["components"]["schemas"]["ExchangeOrder"]["properties"]
