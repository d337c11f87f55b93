"""The RMA webhook: who may call it, for which store, and what it answers."""

import base64

import pytest
from django.db import Error as DatabaseError
from django.db import OperationalError, connection
from django.test import Client

from apps.attention.models import Item
from apps.common.fields import CannotDecrypt
from apps.inbox import views
from apps.inbox.models import Delivery
from apps.rmas.models import Rma
from apps.stores.models import Store
from tests.conftest import basic
from tests.support import builders

pytestmark = pytest.mark.django_db

URL = "/optoro/rmas"


def post(body=b"{}", path=URL, **headers):
    return Client().post(path, body, content_type="application/json", headers=headers)


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.fixture
def other(store):
    return Store.objects.create(
        identifier="store-two",
        name="Two",
        webhook_username="two",
        webhook_password="two-secret",
        webhook_api_key="two-key",
    )


# --- Who may call ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": basic()},
        {"Authorization": basic().replace("Basic", "basic")},
        {"Authorization": basic().replace("Basic ", "BASIC   ")},
        {"X-API-Key": "webhook-key"},
        {"Authorization": basic("optoro", "wrong"), "X-API-Key": "webhook-key"},
        {"Authorization": "Bearer abc", "X-API-Key": "webhook-key"},
    ],
)
def test_right_credentials_of_either_kind_store_the_message(headers):
    answer = post(b'{"rma_identifier": "R"}', **headers)
    assert (answer.status_code, answer.json()) == (200, {"message": "Success"})
    assert bytes(Delivery.objects.get().body) == b'{"rma_identifier": "R"}'


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Basic"},
        {"Authorization": "Basic "},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic é"},
        {"Authorization": "Basic " + encoded(b"\xff\xfe")},
        {"Authorization": "Basic " + encoded(b"optoro")},
        {"Authorization": "Basic " + encoded(b":")},
        {"Authorization": "Basic " + encoded(b"optoro:webhook-secret\x00")},
        {"Authorization": basic("optoro", "wrong")},
        {"Authorization": basic("optoro", "")},
        {"Authorization": basic("", "webhook-secret")},
        {"Authorization": basic("OPTORO", "webhook-secret")},
        {"Authorization": basic().removeprefix("Basic ")},
        {"Authorization": basic().replace("Basic", "Bearer")},
        {"Authorization": "Api-Key webhook-key"},
        {"X-API-Key": ""},
        {"X-API-Key": "Webhook-Key"},
        {"X-API-Key": "ключ".encode().decode("latin-1")},
        {"X-API-Key": "webhook-secret"},
    ],
)
def test_wrong_missing_or_malformed_credentials_get_401_and_nothing_is_stored(headers):
    assert post(Authorization=basic()).status_code == 200
    before = Delivery.objects.get()
    answer = post(b'{"rma_identifier": "R"}', **headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Basic realm="returns-desk", charset="UTF-8"'
    assert Delivery.objects.get() == before
    assert Delivery.objects.get().copies == 1


@pytest.mark.parametrize("path", ["/optoro/rmas", "/optoro/rmas/"])
def test_the_address_works_with_and_without_a_slash(path):
    assert post(path=path, Authorization=basic()).status_code == 200
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head"])
def test_other_methods_get_405_and_store_nothing(method):
    call = getattr(Client(headers={"Authorization": basic()}), method)
    answer = call(URL, b"{}", content_type="application/json") if method[0] == "p" else call(URL)
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    assert Delivery.objects.count() == 0


def test_no_session_and_no_csrf_token_is_needed():
    client = Client(enforce_csrf_checks=True, headers={"Authorization": basic()})
    answer = client.post(URL, b"{}", content_type="application/json")
    assert answer.status_code == 200
    assert not answer.cookies


# --- Which store -------------------------------------------------------------------------------


def test_without_a_tenant_the_message_is_for_the_store_of_the_credentials(store, other, drain):
    post(builders.body(builders.rma("A")), Authorization=basic())
    post(builders.body(builders.rma("B")), Authorization=basic("two", "two-secret"))
    post(builders.body(builders.rma("C")), **{"X-API-Key": "two-key"})
    drain()
    assert set(Rma.objects.values_list("rma_identifier", "store__identifier")) == {
        ("A", "store-one"),
        ("B", "store-two"),
        ("C", "store-two"),
    }


def test_a_tenant_that_the_credentials_serve_picks_the_store(store, drain):
    Store.objects.create(identifier="twin", name="Twin", webhook_api_key="webhook-key")
    key = {"X-API-Key": "webhook-key"}
    post(builders.body(builders.rma("A")), **key, **{"X-Optiturn-Id": "twin"})
    post(builders.body(builders.rma("B")), **key, **{"X-Optiturn-Id": "store-one"})
    post(builders.body(builders.rma("C")), **key)
    drain()
    assert dict(Rma.objects.values_list("rma_identifier", "store__identifier")) == {
        "A": "twin",
        "B": "store-one",
        "C": "store-one",
    }


@pytest.mark.parametrize("tenant", ["nowhere", "store-two", "STORE-ONE", "x" * 300])
def test_a_tenant_that_the_credentials_do_not_serve_is_quarantined_with_its_keeper(
    tenant, store, other, drain, api
):
    answer = post(builders.body(builders.rma()), Authorization=basic(), **{"X-Optiturn-Id": tenant})
    assert (answer.status_code, answer.json()) == (200, {"message": "Success"})
    drain()
    assert Rma.objects.count() == 0
    delivery = Delivery.objects.get()
    assert (delivery.store, delivery.state, delivery.attempts) == (store, "quarantined", 0)
    [shown] = api.get("/api/v1/deliveries").json()["results"]
    assert shown["state"] == "quarantined"
    assert f"X-Optiturn-Id '{tenant}' names no store" in shown["error"]
    item = Item.objects.get(kind="message_quarantined", resolved_at=None)
    assert (item.store, item.subject) == (store, str(delivery.pk))


def test_without_a_tenant_a_message_for_several_stores_is_quarantined(store, drain):
    for name in ("a", "b"):
        Store.objects.create(identifier=name, name=name, webhook_api_key="shared")
    key = {"X-API-Key": "shared"}
    assert post(builders.body(builders.rma()), **key).status_code == 200
    drain()
    assert Rma.objects.count() == 0
    assert Delivery.objects.get().state == "quarantined"
    post(builders.body(builders.rma()), **key, **{"X-Optiturn-Id": "b"})
    drain()
    assert Rma.objects.get().store.identifier == "b"


# --- What is kept ------------------------------------------------------------------------------


def test_the_message_is_kept_as_it_came_and_no_credential_with_it():
    body = b' {"rma_identifier" : "R",\r\n "x": "\xc3\xa9"} '
    post(
        body,
        Authorization=basic(),
        **{
            "X-API-Key": "webhook-key",
            "Cookie": "sessionid=secret",
            "X-Optiturn-Id": "store-one",
            "X-Optiturn-Api-Version": "3",
            "User-Agent": "Optoro/1",
        },
    )
    delivery = Delivery.objects.get()
    assert bytes(delivery.body) == body
    assert (delivery.optiturn_id, delivery.api_version) == ("store-one", "3")
    assert delivery.headers == {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "user-agent": "Optoro/1",
        "x-optiturn-id": "store-one",
        "x-optiturn-api-version": "3",
    }
    assert delivery.remote_address == "127.0.0.1"
    everything = repr([str(value) for value in vars(delivery).values()])
    for secret in ("webhook-secret", "webhook-key", basic().split()[1], "sessionid"):
        assert secret not in everything


def test_identical_bodies_are_counted_and_processed_once(send_rma, drain, api):
    for _ in range(3):
        assert send_rma(builders.rma()).status_code == 200
    assert drain().startswith("inbox: 1 processed")
    send_rma(builders.rma())
    assert drain().startswith("inbox: 0 processed")
    [shown] = api.get("/api/v1/deliveries").json()["results"]
    assert (shown["copies"], shown["state"], shown["attempts"]) == (4, "processed", 1)
    assert shown["last_received_at"] > shown["received_at"]


def test_the_same_body_under_another_tenant_header_is_another_delivery(send_rma, drain, api):
    send_rma(builders.rma())
    send_rma(builders.rma(), **{"X-Optiturn-Id": "store-one"})
    send_rma(builders.rma(), **{"X-Optiturn-Id": "nowhere"})
    drain()
    shown = api.get("/api/v1/deliveries").json()["results"]
    assert [(d["state"], d["copies"]) for d in shown] == [
        ("quarantined", 1),
        ("processed", 1),
        ("processed", 1),
    ]
    assert len(api.get("/api/v1/rmas").json()["results"]) == 1


def test_a_body_that_differs_in_one_space_is_another_delivery_but_changes_nothing(
    send_rma, drain, api
):
    send_rma(builders.rma())
    send_rma(builders.body(builders.rma()) + b" ")
    drain()
    assert Delivery.objects.filter(state="processed", copies=1).count() == 2
    assert Rma.objects.get().messages.count() == 1


# --- Limits and failures -----------------------------------------------------------------------


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413)])
def test_a_body_above_the_limit_gets_413(size, status, settings):
    settings.MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = post(b"x" * size, Authorization=basic())
    assert answer.status_code == status
    assert Delivery.objects.count() == (status == 200)
    if status == 413:
        assert answer.json() == {"message": "The body is larger than 1000 bytes"}


def test_wrong_credentials_are_told_before_the_size(settings):
    settings.MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert post(b"x" * 1001).status_code == 401


class FailsAt:
    """Makes the database fail at its n-th statement."""

    def __init__(self, number: int) -> None:
        self.number, self.seen = number, 0

    def __call__(self, execute, sql, params, many, context):
        self.seen += 1
        if self.seen == self.number:
            raise OperationalError("the database is gone")
        return execute(sql, params, many, context)


@pytest.mark.parametrize("with_tenant", [False, True])
def test_whichever_statement_fails_the_answer_is_503_or_the_message_is_there(store, with_tenant):
    tenant = {"X-Optiturn-Id": "nowhere"} if with_tenant else {}
    outcomes = []
    for number in range(1, 50):
        fails = FailsAt(number)
        with connection.execute_wrapper(fails):
            answer = post(b'{"n": %d}' % number, Authorization=basic(), **tenant)
        stored = Delivery.objects.filter(body=b'{"n": %d}' % number).count()
        outcomes.append((answer.status_code, stored))
        if fails.seen < number:
            break  # it took fewer statements: nothing failed
    assert outcomes[-1] == (200, 1)
    assert len(outcomes) > 3
    assert set(outcomes[:-1]) <= {(503, 0), (200, 1)}
    assert (503, 0) in outcomes


def test_503_says_what_to_do(store):
    with connection.execute_wrapper(FailsAt(1)):
        answer = post(Authorization=basic())
    assert answer.status_code == 503
    assert answer.json() == {"message": "The message could not be stored; send it again"}
    assert post(Authorization=basic()).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_fails_is_answered_503(store, monkeypatch):
    def fail():
        raise OperationalError("the disk is full")

    monkeypatch.setattr(connection, "_commit", fail)
    assert post(Authorization=basic()).status_code == 503
    monkeypatch.undo()
    connection.close()
    assert Delivery.objects.count() == 0


@pytest.mark.parametrize("error", [DatabaseError("x"), CannotDecrypt("x")])
def test_what_could_not_be_stored_is_answered_503(error, monkeypatch):
    def fail(**_):
        raise error

    assert post(Authorization=basic()).status_code == 200
    monkeypatch.setattr(views, "store_delivery", fail)
    assert post(b'{"n": 2}', Authorization=basic()).status_code == 503
    assert Delivery.objects.count() == 1


def test_a_chunked_body_that_the_server_cannot_read_is_not_answered_2xx():
    answer = Client().generic(
        "POST",
        URL,
        b"",
        headers={"Authorization": basic(), "Transfer-Encoding": "chunked"},
        CONTENT_LENGTH="",
    )
    assert answer.status_code == 503
    assert Delivery.objects.count() == 0
