"""Who may call the API, for which store, with which methods."""

import json

import pytest
from django.test import Client

from apps.accounts.services import create_api_key
from apps.inbox.models import Delivery
from apps.orders.models import Order
from apps.refunds.models import Payout, Refund
from apps.stores.models import Store
from tests.support import builders

pytestmark = pytest.mark.django_db

READS = ("/api/v1/orders/ORD-1", "/api/v1/rmas", "/api/v1/rmas/RMA-1", "/api/v1/refunds")
ALL = (
    *READS,
    "/api/v1/variants/96027",
    "/api/v1/transactions",
    "/api/v1/transactions/X",
    "/api/v1/orders",
    "/api/v1/deliveries",
    "/api/v1/deliveries/1/replay",
)


def caller(key, header="Authorization"):
    value = f"Api-Key {key}" if header == "Authorization" else key
    return Client(headers={header: value})


def with_scopes(store, *scopes):
    return caller(create_api_key(store=store, name="x", scopes=list(scopes)))


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Api-Key wrong"},
        {"Authorization": "Api-Key "},
        {"Authorization": "Basic b3B0b3JvOndlYmhvb2stc2VjcmV0"},
        {"Authorization": "Bearer rd_x_y"},
        {"X-API-Key": "wrong"},
        {"X-API-Key": "webhook-key"},
    ],
)
def test_without_a_good_key_everything_is_401(path, headers, api):
    assert api.get("/api/v1/rmas").status_code == 200
    client = Client(headers=headers)
    answer = client.post(path) if path.endswith(("orders", "replay")) else client.get(path)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Api-Key realm="returns-desk"'
    assert set(answer.json()) == {"message"}


def test_a_key_is_taken_from_either_header(api_key):
    for client in (caller(api_key), caller(api_key, "X-API-Key")):
        assert client.get("/api/v1/rmas").status_code == 200
    spelled = Client(headers={"Authorization": f"API-KEY   {api_key} "})
    assert spelled.get("/api/v1/rmas").status_code == 200


def test_a_signed_in_person_is_no_machine_caller(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root", password="x"))
    assert client.get("/api/v1/rmas").status_code == 401


def test_no_csrf_token_is_needed(api_key):
    client = Client(enforce_csrf_checks=True, headers={"X-API-Key": api_key})
    body = json.dumps({"orders": [builders.order()]})
    assert client.post("/api/v1/orders", body, content_type="application/json").status_code == 200


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("read", {"read"}),
        ("orders:write", {"orders:write"}),
        ("deliveries:replay", {"deliveries:replay"}),
    ],
)
def test_a_key_opens_what_its_scope_names_and_nothing_else(store, send_rma, scope, allowed):
    send_rma(b"{}")
    delivery = Delivery.objects.get().pk
    client = with_scopes(store, scope)
    body = json.dumps({"orders": [builders.order()]})
    answers = {
        "read": client.get("/api/v1/rmas"),
        "orders:write": client.post("/api/v1/orders", body, content_type="application/json"),
        "deliveries:replay": client.post(f"/api/v1/deliveries/{delivery}/replay"),
    }
    for needed, answer in answers.items():
        if needed in allowed:
            assert answer.status_code in (200, 202)
        else:
            assert answer.status_code == 403
            assert answer.json() == {"message": f"This key does not have the scope {needed!r}."}
    assert Order.objects.count() == (scope == "orders:write")


# --- Stores ------------------------------------------------------------------------------------


@pytest.fixture
def filled(send_order, send_rma, drain, optoro):
    send_order(builders.order(secondary_identifier="WEB-1"))
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()


@pytest.fixture
def stranger(store):
    other = Store.objects.create(identifier="two", name="Two")
    return with_scopes(other, "read", "orders:write", "deliveries:replay")


def test_another_stores_rows_are_not_there(filled, api, stranger):
    refund = Refund.objects.get().identifier
    paths = [
        "/api/v1/orders/ORD-1",
        "/api/v1/orders/WEB-1",
        "/api/v1/rmas/RMA-1",
        f"/api/v1/refunds/{refund}",
        f"/api/v1/transactions/{Payout.objects.get().idempotency_key}",
    ]
    for path in paths:
        assert api.get(path).status_code == 200
        assert stranger.get(path).status_code == 404
    replay = f"/api/v1/deliveries/{Delivery.objects.get().pk}/replay"
    assert stranger.post(replay).status_code == 404
    assert Delivery.objects.get().state == "processed"
    assert api.post(replay).status_code == 202


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/rmas",
        "/api/v1/rmas?order=ORD-1",
        "/api/v1/rmas?status=CREATED",
        "/api/v1/refunds",
        "/api/v1/refunds?order_identifier=ORD-1",
        "/api/v1/refunds?rma_identifier=RMA-1",
        "/api/v1/transactions",
        "/api/v1/transactions?status=paid",
        "/api/v1/deliveries",
        "/api/v1/deliveries?subject=RMA-1",
    ],
)
def test_no_list_and_no_filter_shows_another_stores_rows(filled, api, stranger, path):
    assert len(api.get(path).json()["results"]) == 1
    assert stranger.get(path).json()["results"] == []


def test_a_store_parameter_changes_nothing(filled, api, stranger, store):
    for name in ("store", "store_id", "store__identifier"):
        assert stranger.get("/api/v1/rmas", {name: store.pk}).json()["results"] == []
        assert stranger.get("/api/v1/rmas", {name: "store-one"}).json()["results"] == []


def test_the_same_identifiers_in_two_stores_are_two_orders(filled, api, stranger):
    order = builders.order(note="theirs", updated_at="2027-01-01T00:00:00Z")
    body = json.dumps({"orders": [order]})
    answer = stranger.post("/api/v1/orders", body, content_type="application/json")
    assert answer.json()["results"][0]["result"] == "created"
    assert stranger.get("/api/v1/orders/ORD-1").json()["note"] == "theirs"
    assert stranger.get("/api/v1/orders/ORD-1").json()["rmas"] == []
    assert api.get("/api/v1/orders/ORD-1").json()["note"] == ""
    assert len(api.get("/api/v1/orders/ORD-1").json()["rmas"]) == 1


# --- Methods and addresses ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/orders", {"POST"}),
        ("/api/v1/orders/ORD-1", {"GET"}),
        ("/api/v1/rmas", {"GET"}),
        ("/api/v1/rmas/RMA-1", {"GET"}),
        ("/api/v1/rmas/RMA-1/cancel", {"POST", "DELETE"}),
        ("/api/v1/refunds", {"GET", "POST"}),
        ("/api/v1/refunds/X", {"GET"}),
        ("/api/v1/transactions", {"GET"}),
        ("/api/v1/transactions/X", {"GET", "PUT"}),
        ("/api/v1/deliveries", {"GET"}),
        ("/api/v1/deliveries/1/replay", {"POST"}),
        ("/api/v1/variants/96027", {"GET", "PUT"}),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_other_methods_are_405(api, path, allowed, slash):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer = api.generic(method, path + slash, b"{}", content_type="application/json")
        if method in allowed:
            assert answer.status_code != 405
        else:
            assert answer.status_code == 405
            assert answer.json() == {"message": f'Method "{method}" not allowed.'}
    assert api.options(path + slash).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/refunds/NONE",
        "/api/v1/refunds/%00",
        "/api/v1/rmas/NONE",
        "/api/v1/rmas/%00",
        "/api/v1/rmas/a/b",
        "/api/v1/rmas/NONE/withdraw",
        "/api/v1/transactions/NONE",
        "/api/v1/transactions/00000000-0000-4000-8000-000000000000",
        "/api/v1/nothing",
        "/api/v2/rmas",
    ],
)
def test_what_is_not_there_is_404(api, path):
    assert api.get(path).status_code == 404


@pytest.mark.parametrize("number", ["0", "9" * 30, "9" * 5000])
def test_replaying_a_delivery_that_is_not_there_is_404(api, number):
    assert api.post(f"/api/v1/deliveries/{number}/replay").status_code == 404


@pytest.mark.parametrize("slash", ["", "/"])
def test_replay_answers_202_with_the_delivery(api, send_rma, drain, slash):
    send_rma(builders.rma())
    drain()
    answer = api.post(f"/api/v1/deliveries/{Delivery.objects.get().pk}/replay{slash}")
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["subject"]) == ("received", "RMA-1")
