"""Requests that are not placed: what they are told, what is kept, and what can be done about it."""

import copy

import pytest
from django.core.checks import run_checks
from django.db import OperationalError, connection
from django.test import Client

from apps.common.http import OpenTransaction, refuse_open_transaction
from apps.exchanges.models import ExchangeOrder
from apps.exchanges.types import LineTax
from apps.inbox.models import Delivery
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.conftest import basic
from tests.inbox.test_webhook import FailsAt
from tests.support import builders
from tests.support.exchange_requests import URL, gift_card, item, post, request, variant

pytestmark = pytest.mark.django_db


def without(path: str) -> dict:
    """A request that lacks one field."""
    message = copy.deepcopy(request(items=[item(), gift_card()]))
    return change(message, path, None, delete=True)


def having(path: str, value: object) -> dict:
    """A request with one field changed."""
    return change(copy.deepcopy(request(items=[item(), gift_card()])), path, value)


def change(message: dict, path: str, value: object, *, delete: bool = False) -> dict:
    target: object = message
    *parents, last = path.replace("[", ".").replace("]", "").split(".")
    for name in parents:
        target = target[int(name)] if isinstance(target, list) else target[name]
    if delete:
        del target[last]
    else:
        target[int(last) if isinstance(target, list) else last] = value
    return message


def problems(message) -> list[tuple[str, str]]:
    answer = post(message)
    assert answer.status_code == 422, answer.content
    body = answer.json()
    assert body["message"] == "The exchange order was not placed: the request is not valid"
    assert all(set(error) == {"field", "code", "message"} for error in body["errors"])
    return [(error["field"], error["code"]) for error in body["errors"]]


REQUIRED = [
    "currency",
    "original_order_id",
    "is_gift",
    "items",
    "items[0].sku",
    "items[0].quantity",
    "items[1].return_items[0].original_sku",
    "items[1].return_items[0].original_item_identifier",
    "items[1].return_items[0].quantity",
    "customer",
    "customer.identifier",
    "customer.email",
    "shipping_address",
    "payment",
    "payment.transaction_id",
    *(
        f"{address}.{name}"
        for address in ("shipping_address", "billing_address")
        for name in ("name", "street1", "city", "province", "postal_code", "country_code")
    ),
]


@pytest.mark.parametrize("path", REQUIRED)
def test_a_missing_field_is_named(shop, path):
    assert problems(without(path)) == [(path, "missing_field")]
    assert post(request(items=[item(), gift_card()])).status_code == 200


@pytest.mark.parametrize(
    ("path", "value", "field", "code"),
    [
        ("currency", "XXZ", "currency", "invalid"),
        ("currency", "usd", "currency", "invalid"),
        ("currency", 3.5, "currency", "invalid"),
        ("currency", "EUR", "currency", "invalid"),
        ("original_order_id", "NONE", "original_order_id", "invalid"),
        ("original_order_id", "ord-1", "original_order_id", "invalid"),
        ("original_order_id", "", "original_order_id", "missing_field"),
        ("original_order_id", ["ORD-1"], "original_order_id", "invalid_type"),
        ("original_order_id", "O" * 256, "original_order_id", "invalid"),
        ("is_gift", "false", "is_gift", "invalid_type"),
        ("items", [], "items", "missing_field"),
        ("items", {}, "items", "invalid_type"),
        ("items", [7], "items[0]", "invalid_type"),
        ("items[0].quantity", 0, "items[0].quantity", "invalid"),
        ("items[0].quantity", 1001, "items[0].quantity", "invalid"),
        ("items[0].quantity", "4", "items[0].quantity", "invalid_type"),
        ("items[0].quantity", 1.0, "items[0].quantity", "invalid_type"),
        ("items[0].quantity", True, "items[0].quantity", "invalid_type"),
        ("items[0].sku", " ", "items[0].sku", "missing_field"),
        ("items[0].unit_price_amount_cents", -1, "items[0].unit_price_amount_cents", "invalid"),
        ("items[0].tax_amount_cents", 10.5, "items[0].tax_amount_cents", "invalid_type"),
        ("items[0].discount_amount_cents", 51201, "items[0].discount_amount_cents", "invalid"),
        (
            "items[0].bonus_credit_amount_cents",
            1,
            "items[0].bonus_credit_amount_cents",
            "invalid",
        ),
        ("items[1].discount_amount_cents", 10001, "items[1].discount_amount_cents", "invalid"),
        ("items[1].return_items", "x", "items[1].return_items", "invalid_type"),
        ("items[1].return_items", [None], "items[1].return_items[0]", "invalid_type"),
        ("customer", [], "customer", "invalid_type"),
        ("shipping_address", "here", "shipping_address", "invalid_type"),
        ("shipping_address.postal_code", [], "shipping_address.postal_code", "invalid_type"),
        ("shipping_address.province", "", "shipping_address.province", "missing_field"),
        ("billing_address.country_code", {}, "billing_address.country_code", "invalid_type"),
        ("payment", 1, "payment", "invalid_type"),
        ("note", "n" * 10_001, "note", "invalid"),
        ("note", "a\u0000b", "note", "invalid"),
    ],
)
def test_a_wrong_field_is_named(shop, path, value, field, code):
    assert problems(having(path, value)) == [(field, code)]
    assert ExchangeOrder.objects.count() == 0


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"NaN", b'{"a": 1e999}'])
def test_what_is_not_json_is_told_so(shop, body):
    assert problems(body) == [("", "invalid")]
    assert Delivery.objects.get().state == "refused"


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"x"'])
def test_what_is_no_object_is_told_so(shop, body):
    assert problems(body) == [("", "invalid_type")]


def test_all_that_is_wrong_is_told_at_once(shop):
    message = having("currency", "X")
    del message["items"][0]["sku"], message["payment"]
    assert problems(message) == [
        ("currency", "invalid"),
        ("items[0].sku", "missing_field"),
        ("payment", "missing_field"),
    ]


def test_an_item_without_any_price_names_the_remedy(shop):
    message = request(items=[item("sku-new", unit_price_amount_cents=None)])
    answer = post(message)
    assert answer.json()["errors"] == [
        {
            "field": "items[0].sku",
            "code": "invalid",
            "message": "is 'sku-new': the catalog has no such variant and the request no "
            "unit_price_amount_cents; add the variant to the catalog or send its price",
        }
    ]
    variant(shop, "sku-new")
    assert post(message).status_code == 200


def test_a_gift_card_without_an_amount(shop):
    card = gift_card()
    del card["product_amount_cents"]
    assert problems(request(items=[card])) == [("items[0].product_amount_cents", "missing_field")]


def test_a_gift_card_whose_amounts_contradict_each_other(shop):
    card = gift_card(quantity=2, unit_price_amount_cents=10000, product_amount_cents=10000)
    assert post(request(items=[card])).json()["errors"] == [
        {
            "field": "items[0].product_amount_cents",
            "code": "invalid",
            "message": "is 10000, but 2 at a unit_price_amount_cents of 10000 are 20000: send "
            "amounts that agree, or one of the two",
        }
    ]
    agreed = gift_card(quantity=2, unit_price_amount_cents=10000, product_amount_cents=20000)
    assert post(request(items=[agreed])).json()["product_amount_cents"] == 20000


def test_amounts_beyond_reason_are_refused_not_failed(shop):
    big = item("big", quantity=1000, unit_price_amount_cents=10**13, product_amount_cents=None)
    message = request(items=[big])
    assert problems(message) == [("items[0].quantity", "invalid")]


def test_a_canceled_order_is_not_exchanged(shop, send_order):
    send_order(builders.order(status="Canceled", updated_at="2026-03-01T00:00:00Z"))
    assert problems(request()) == [("original_order_id", "invalid")]


def test_a_secondary_identifier_of_several_orders_names_none(shop, send_order):
    send_order(builders.order("ORD-2", secondary_identifier="WEB-1"))
    answer = post(request("WEB-1"))
    assert answer.status_code == 422
    assert "several orders have this secondary identifier" in answer.json()["errors"][0]["message"]
    assert post(request("ORD-2")).status_code == 200


def test_another_stores_order_is_not_known(shop):
    Store.objects.create(identifier="two", name="Two", webhook_api_key="two-key")
    answer = post(request(), Authorization="", **{"X-API-Key": "two-key"})
    assert answer.status_code == 422
    assert ExchangeOrder.objects.count() == 0


# --- Who may call ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [URL, "/optoro/orders"])
def test_wrong_credentials_get_401_and_nothing_is_kept(shop, path):
    answer = post(request(), path, Authorization=basic("optoro", "wrong"))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Basic realm="returns-desk", charset="UTF-8"'
    assert (Delivery.objects.count(), ExchangeOrder.objects.count()) == (0, 0)
    assert (
        post(request(), path, Authorization="", **{"X-API-Key": "webhook-key"}).status_code == 200
    )


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_other_methods_get_405(method):
    answer = getattr(Client(headers={"Authorization": basic()}), method)(URL)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_no_csrf_token_is_needed(shop):
    client = Client(enforce_csrf_checks=True, headers={"Authorization": basic()})
    answer = client.post(URL, builders.body(request()), content_type="application/json")
    assert answer.status_code == 200


def test_a_tenant_that_is_not_served_gets_403_and_nothing_is_placed(shop):
    answer = post(request(), **{"X-Optiturn-Id": "nowhere"})
    assert answer.status_code == 403
    assert answer.json() == {
        "message": "X-Optiturn-Id 'nowhere' names no store that these credentials serve; add the "
        "store or mend its credentials, then send it again"
    }
    assert ExchangeOrder.objects.count() == 0
    assert Delivery.objects.get().state == "refused"
    assert post(request(), **{"X-Optiturn-Id": "store-one"}).status_code == 200


def test_a_body_above_the_limit_gets_413(shop, settings):
    size = len(builders.body(request()))
    settings.MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = size
    assert post(builders.body(request()) + b" ").status_code == 413
    assert Delivery.objects.count() == 0
    assert post(request()).status_code == 200


# --- What is kept of a refusal -----------------------------------------------------------------


def test_a_refused_request_is_kept_with_its_reason_and_never_worked_off(shop, drain):
    message = request("NONE")
    for _ in range(2):
        assert post(message).status_code == 422
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.subject, delivery.copies) == ("refused", "NONE", 2)
    assert delivery.error == (
        "original_order_id: is 'NONE': no such order is known; send it first, then place the "
        "exchange order again"
    )
    assert delivery.next_attempt_at is None
    assert drain().startswith("inbox: 0 processed")
    # Not even where somebody made it due by hand.
    Delivery.objects.update(state="received", next_attempt_at="2026-01-01T00:00:00Z")
    assert drain().startswith("inbox: 0 processed")


@pytest.mark.parametrize("original", ["ORD-1", "NONE"])
def test_neither_a_placed_nor_a_refused_request_can_be_replayed(shop, api, original):
    post(request(original))
    delivery = Delivery.objects.get()
    answer = api.post(f"/api/v1/deliveries/{delivery.pk}/replay")
    assert answer.status_code == 409
    assert "cannot be replayed" in answer.json()["message"]
    assert Delivery.objects.get().state == delivery.state != "received"


def test_a_webhook_message_can_still_be_replayed(shop, api, send_rma, drain):
    send_rma(builders.rma())
    drain()
    assert api.post(f"/api/v1/deliveries/{Delivery.objects.get().pk}/replay").status_code == 202


# --- Failures ----------------------------------------------------------------------------------


def test_whichever_statement_fails_nothing_is_half_written(shop):
    outcomes = set()
    for number in range(1, 80):
        fails = FailsAt(number)
        with connection.execute_wrapper(fails):
            answer = post(request())
        if fails.seen < number:
            break  # it took fewer statements: nothing failed
        counts = (
            ExchangeOrder.objects.count(),
            Delivery.objects.count(),
            Event.objects.filter(kind="exchange.placed").count(),
        )
        outcomes.add((answer.status_code, *counts))
    assert answer.status_code == 200
    assert outcomes == {(503, 0, 0, 0)}
    assert ExchangeOrder.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_fails_places_nothing(shop, monkeypatch):
    def fail():
        raise OperationalError("the disk is full")

    monkeypatch.setattr(connection, "_commit", fail)
    answer = post(request())
    assert answer.status_code == 503
    assert answer.json() == {"message": "The exchange order could not be placed; send it again"}
    monkeypatch.undo()
    connection.close()
    assert (ExchangeOrder.objects.count(), Delivery.objects.count()) == (0, 0)
    assert post(request()).status_code == 200


# --- Tax services ------------------------------------------------------------------------------


class FlatTax:
    """A tax service from outside: seven cents a piece, asked with no transaction open."""

    asked: list = []

    def quote(self, sale):
        refuse_open_transaction("asking for tax")
        self.asked.append(sale)
        return [LineTax(7 * line.quantity, "Seven cents a piece.") for line in sale.lines]


class BrokenTax:
    """A tax service that fails as `fault` says."""

    fault: object = None

    def quote(self, sale):
        if isinstance(self.fault, Exception):
            raise self.fault
        return self.fault


@pytest.fixture
def tax(shop, settings, monkeypatch):
    """Plugs the two services in by configuration."""
    monkeypatch.setattr(FlatTax, "asked", [])
    settings.EXCHANGE_TAX_SERVICES = {
        **settings.EXCHANGE_TAX_SERVICES,
        "flat": f"{__name__}.FlatTax",
        "broken": f"{__name__}.BrokenTax",
    }

    def use(name: str) -> None:
        shop.exchange_tax_service = name
        shop.save()

    return use


@pytest.mark.django_db(transaction=True)
def test_another_tax_service_is_plugged_in_by_configuration(tax):
    tax("flat")
    shown = post(request(items=[item(discount_amount_cents=200), gift_card()])).json()
    assert shown["tax_amount_cents"] == 28
    placed = ExchangeOrder.objects.get()
    assert placed.tax_service == "flat"
    assert placed.lines.first().calculation["tax"] == "Seven cents a piece."
    [sale] = FlatTax.asked
    assert [(line.sku, line.amount_cents) for line in sale.lines] == [("sku1236", 51000)]
    assert (sale.ship_to.postal_code, sale.currency) == ("62701", "USD")
    post(request())
    assert len(FlatTax.asked) == 1


@pytest.mark.django_db(transaction=True)
def test_a_call_inside_a_transaction_would_be_noticed():
    from django.db import transaction

    with transaction.atomic(), pytest.raises(OpenTransaction):
        FlatTax().quote(None)


@pytest.mark.parametrize(
    "fault",
    [
        TimeoutError("too slow"),
        None,
        [],
        [LineTax(-1, "")],
        [LineTax(1.5, "")],
        [LineTax(1, ""), LineTax(1, "")],
        ["nonsense"],
    ],
)
def test_a_tax_service_that_fails_is_answered_503_and_nothing_is_placed(tax, monkeypatch, fault):
    tax("broken")
    monkeypatch.setattr(BrokenTax, "fault", fault)
    assert post(request()).status_code == 503
    assert (ExchangeOrder.objects.count(), Delivery.objects.count()) == (0, 0)
    monkeypatch.setattr(BrokenTax, "fault", [LineTax(5, "Five.")])
    assert post(request()).json()["tax_amount_cents"] == 5


def test_a_store_with_an_unknown_tax_service_is_told_by_the_checks(tax):
    assert run_checks(tags=["database"], databases=["default"]) == []
    tax("nobody")
    [error] = run_checks(tags=["database"], databases=["default"])
    assert error.id == "returnsdesk.E102"
    assert "'store-one' has the exchange tax service 'nobody'" in error.msg
    assert "broken, flat, original_rate" in error.hint
    assert post(request()).status_code == 503
    assert ExchangeOrder.objects.count() == 0


def test_a_path_that_leads_nowhere_is_told_by_the_checks(settings):
    assert run_checks(tags=["exchanges"]) == []
    settings.EXCHANGE_TAX_SERVICES = {"x": "apps.exchanges.pricing.Nothing", "y": "nothing.At"}
    assert [error.id for error in run_checks(tags=["exchanges"])] == ["returnsdesk.E101"] * 2
