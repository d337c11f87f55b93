"""Optoro's answers, sorted by what a caller does next (contract §3)."""

import json
from dataclasses import replace

import httpx
import pytest

from apps.common import clock
from apps.common.http import Response
from apps.optoro.client import OptoroClient, Verdict
from apps.optoro.models import AccessToken
from apps.stores.queries import connection_of

pytestmark = pytest.mark.django_db

BODY = '{"returns_portal_order": {"orders": [{"identifier": "ORD-é"}]}}'


@pytest.fixture
def send(store, optoro):
    """Sends an order; Optoro answers as told."""

    def send_answered(make):
        optoro.answer = lambda order: make()
        return OptoroClient(connection_of(store)).send_order(BODY)

    return send_answered


def orders_sent(optoro):
    return [r for r in optoro.requests if r.url.path == "/returns_portal_orders"]


def test_an_order_is_sent_as_the_contract_says(send, optoro):
    send(lambda: Response(202, json={}))
    [request] = orders_sent(optoro)
    assert request.method == "POST"
    assert str(request.url) == "http://orders.optoro.test/returns_portal_orders"
    assert request.headers["Authorization"] == "bearer token-1"
    assert request.headers["Api-Version"] == "3"
    assert request.headers["Content-Type"] == "application/json"
    assert request.content == BODY.encode()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_accepted(send, optoro, status):
    answer = send(lambda: Response(status, text="fine"))
    assert (answer.verdict, answer.status_code, answer.body) == ("accepted", status, "fine")
    assert len(orders_sent(optoro)) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 599])
def test_a_busy_or_broken_optoro_is_tried_again_later(send, optoro, status):
    answer = send(lambda: Response(status, text="busy"))
    assert (answer.verdict, answer.status_code) == (Verdict.RETRY, status)
    assert answer.reason == f"Optoro answered {status}"
    assert answer.errors == []
    assert len(orders_sent(optoro)) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422])
def test_what_must_not_be_repeated_unchanged_is_rejected_with_its_field_errors(send, status):
    errors = [
        {"field": "orders[0].currency", "code": "invalid"},
        {"field": "orders[0].items[0].sku", "code": "missing_field", "more": 1},
    ]
    answer = send(lambda: Response(status, json={"message": "no", "errors": errors}))
    assert (answer.verdict, answer.status_code) == (Verdict.REJECTED, status)
    assert answer.errors == [
        {"field": "orders[0].currency", "code": "invalid"},
        {"field": "orders[0].items[0].sku", "code": "missing_field"},
    ]
    assert answer.reason == (
        f"Optoro answered {status}: orders[0].currency: invalid; "
        "orders[0].items[0].sku: missing_field"
    )


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(send, optoro, status):
    answer = send(lambda: Response(status, headers={"Location": "http://elsewhere.test/"}))
    assert answer.verdict == Verdict.REJECTED
    assert {r.url.host for r in optoro.requests} == {"auth.optoro.test", "orders.optoro.test"}
    assert len(orders_sent(optoro)) == 1


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.WriteTimeout("slow"),
        httpx.PoolTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("nonsense"),
        httpx.DecodingError("not gzip"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer_is_tried_again_later(send, error):
    def fail():
        raise error

    answer = send(fail)
    assert (answer.verdict, answer.status_code) == (Verdict.RETRY, None)
    assert answer.reason.startswith("Optoro does not answer: ")
    assert type(error).__name__ in answer.reason
    assert send(lambda: Response(202)).verdict == Verdict.ACCEPTED


GARBAGE = [
    b"",
    b"<html>Bad Gateway</html>",
    b"\xff\xfe\x00\x01",
    b"null",
    b"[]",
    b'"text"',
    b'{"errors": null}',
    b'{"errors": {}}',
    b'{"errors": "x"}',
    b'{"errors": [null, 1, [], "x"]}',
    b"[" * 100_000,
    b"{" * 100_000,
]


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:20]))
@pytest.mark.parametrize(
    ("status", "verdict"), [(200, "accepted"), (422, "rejected"), (502, "retry")]
)
def test_garbage_in_the_body_changes_no_verdict(send, body, status, verdict):
    answer = send(lambda: Response(status, content=body))
    assert (answer.verdict, answer.errors) == (verdict, [])
    json.dumps(answer.body, ensure_ascii=False).encode()
    assert "\x00" not in answer.body
    assert len(answer.body) <= 4 * 20_000


def test_field_errors_of_any_kind_can_be_stored(send):
    errors = [
        {"field": "a\x00b", "code": "\ud800"},
        {"field": None, "code": 5},
        {},
        {"field": "x" * 1000, "code": []},
        *({"field": str(n), "code": "invalid"} for n in range(200)),
    ]
    answer = send(lambda: Response(422, text=json.dumps({"errors": errors})))
    assert answer.errors[:3] == [
        {"field": "a\\x00b", "code": "\\ud800"},
        {"field": "None", "code": "5"},
        {"field": "", "code": ""},
    ]
    assert answer.errors[3] == {"field": "x" * 255, "code": "[]"}
    assert len(answer.errors) == 100


def test_only_the_beginning_of_a_long_body_is_kept_and_no_secret_of_it(send):
    text = '{"access_token": "s3cr3t"}' + "x" * 30_000
    answer = send(lambda: Response(500, text=text))
    assert answer.body.startswith('{"access_token": "[hidden]"}')
    assert len(answer.body) < 20_010


@pytest.mark.parametrize("missing", ["optoro_auth_url", "optoro_orders_url"])
def test_a_store_without_addresses_waits_and_says_what_is_missing(settings, store, optoro, missing):
    settings.DEFAULT_STORE = {**settings.DEFAULT_STORE, missing: ""}
    answer = OptoroClient(connection_of(store)).send_order(BODY)
    assert answer.verdict == Verdict.RETRY
    assert "set OPTORO_AUTH_URL and OPTORO_ORDERS_URL" in answer.reason
    assert optoro.requests == []


@pytest.mark.parametrize("which", ["optoro_auth_url", "optoro_orders_url"])
@pytest.mark.parametrize("address", ["http://x:port", "nonsense", "ftp://x"])
def test_an_address_that_is_none_waits_too(store, which, address):
    if which == "optoro_orders_url":
        later = clock.in_seconds(1000)
        AccessToken.objects.create(store_id=store.pk, token="t", renew_at=later, expires_at=later)
    connection = replace(connection_of(store), **{which: address})
    answer = OptoroClient(connection).send_order(BODY)
    assert (answer.verdict, answer.status_code) == (Verdict.RETRY, None)
    assert "address is not usable" in answer.reason or "UnsupportedProtocol" in answer.reason


def test_paths_in_the_addresses_are_kept(settings, store, optoro):
    settings.DEFAULT_STORE = {
        **settings.DEFAULT_STORE,
        "optoro_orders_url": "http://gateway.test/optoro/",
    }
    OptoroClient(connection_of(store)).send_order(BODY)
    assert str(optoro.requests[-1].url) == "http://gateway.test/optoro/returns_portal_orders"
