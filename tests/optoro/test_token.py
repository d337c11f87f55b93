"""The access token: minted once, shared, renewed in time, never seen in clear."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.db import connection
from httpx import ByteStream, ConnectError

from apps.common.http import Response
from apps.optoro import token
from apps.optoro.client import OptoroClient, Verdict
from apps.optoro.models import AccessToken
from apps.stores.models import Store
from apps.stores.queries import connection_of
from tests.support.threads import in_parallel

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BODY = '{"returns_portal_order": {"orders": [{"identifier": "ORD-1"}]}}'

pytestmark = pytest.mark.django_db


@pytest.fixture
def frozen():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def send(store, optoro):
    """Sends one order as the publisher does."""
    return lambda: OptoroClient(connection_of(store)).send_order(BODY)


def tokens_used(optoro):
    return [
        request.headers["Authorization"]
        for request in optoro.requests
        if request.url.path == "/returns_portal_orders"
    ]


@pytest.fixture
def token_endpoint(optoro, monkeypatch):
    """Lets a test decide what the token endpoint answers."""

    class Endpoint:
        make = None
        calls = 0

    real = optoro._mint

    def mint(asked):
        Endpoint.calls += 1
        return Endpoint.make() if Endpoint.make else real(asked)

    monkeypatch.setattr(optoro, "_mint", mint)
    return Endpoint


def test_it_is_asked_for_as_the_contract_says_and_used_until_it_expires(send, optoro):
    for _ in range(3):
        assert send().verdict == Verdict.ACCEPTED
    asked = [r for r in optoro.requests if r.url.path == "/oauth/token"]
    assert len(asked) == 1
    assert str(asked[0].url) == "http://auth.optoro.test/oauth/token"
    assert json.loads(asked[0].content) == {
        "grant_type": "client_credentials",
        "client_id": "optoro-client",
        "client_secret": "optoro-secret",
    }
    assert tokens_used(optoro) == ["bearer token-1"] * 3


@pytest.mark.parametrize(
    ("lifetime", "good_for"), [(90_000, 89_400), (7200, 6600), (3600, 3240), (100, 90), (5, 5)]
)
def test_it_is_renewed_before_it_expires(frozen, send, optoro, lifetime, good_for):
    optoro.token_lifetime = lifetime
    send()
    frozen.move_to(START + timedelta(seconds=good_for, milliseconds=-1))
    send()
    assert tokens_used(optoro) == ["bearer token-1"] * 2
    frozen.move_to(START + timedelta(seconds=good_for))
    send()
    assert tokens_used(optoro)[2:] == ["bearer token-2"]
    assert AccessToken.objects.get().generation == 2


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        ("missing", 90_000),
        (None, 90_000),
        ("soon", 90_000),
        ([], 90_000),
        ({}, 90_000),
        ("7200", 7200),
        (7200.9, 7200),
        (0, 1),
        (-5, 1),
        (10**30, 30 * 86_400),
    ],
)
def test_a_lifetime_of_any_kind_will_do(frozen, send, optoro, token_endpoint, expires_in, seconds):
    answer = {"access_token": "token-x", "expires_in": expires_in}
    if expires_in == "missing":
        del answer["expires_in"]
    optoro.valid_tokens.add("token-x")
    token_endpoint.make = lambda: Response(200, json=answer)
    assert send().verdict == Verdict.ACCEPTED
    row = AccessToken.objects.get()
    assert row.expires_at == START + timedelta(seconds=seconds)
    assert row.renew_at <= row.expires_at


def test_an_endless_lifetime_will_do_too(frozen, send, optoro, token_endpoint):
    optoro.valid_tokens.add("token-x")
    text = '{"access_token": "token-x", "expires_in": 1e400}'
    token_endpoint.make = lambda: Response(200, text=text)
    assert send().verdict == Verdict.ACCEPTED


# --- Refused tokens ----------------------------------------------------------------------------


def test_a_refused_token_is_renewed_once_and_the_order_sent_again(send, optoro):
    send()
    optoro.valid_tokens.clear()
    assert send().verdict == Verdict.ACCEPTED
    assert optoro.tokens_minted == 2
    assert tokens_used(optoro) == ["bearer token-1", "bearer token-1", "bearer token-2"]
    assert len(optoro.snapshots) == 2


def test_a_token_that_is_refused_twice_is_tried_again_later_and_not_held(send, optoro, monkeypatch):
    monkeypatch.setattr(optoro, "valid_tokens", Never())
    answer = send()
    assert (answer.verdict, answer.status_code) == (Verdict.RETRY, 401)
    assert optoro.tokens_minted == 2
    assert len(tokens_used(optoro)) == 2
    assert AccessToken.objects.get().renew_at is None


class Never(set[str]):
    """A set of valid tokens that no token gets into."""

    def add(self, token):
        pass


def test_a_late_refusal_does_not_throw_a_newer_token_away(send, store, optoro):
    send()
    token.discard(store_id=store.pk, generation=0)
    send()
    assert optoro.tokens_minted == 1
    token.discard(store_id=store.pk, generation=1)
    send()
    assert optoro.tokens_minted == 2


# --- A token endpoint that fails ---------------------------------------------------------------


def refused():
    return Response(401, json={"error": "invalid_client", "error_description": "unknown"})


def silent():
    raise ConnectError("refused")


FAILURES = [
    (refused, "the token endpoint answered 401"),
    (lambda: Response(500, text="oops"), "the token endpoint answered 500: oops"),
    (lambda: Response(302, headers={"Location": "/x"}), "the token endpoint answered 302"),
    (lambda: Response(204), "answered 204"),
    (silent, "the token endpoint does not answer"),
    (lambda: Response(200, text="<html>"), "holds no access_token"),
    (lambda: Response(200, content=b"\xff\xfe\x00"), "holds no access_token"),
    (lambda: Response(200, text="[" * 100_000), "holds no access_token"),
    (lambda: Response(200, json=[]), "holds no access_token"),
    (lambda: Response(200, json={"access_token": None}), "holds no access_token"),
    (lambda: Response(200, json={"access_token": ""}), "holds no access_token"),
    (lambda: Response(200, json={"access_token": "a\nb"}), "holds no access_token"),
    (lambda: Response(200, json={"access_token": "ключ"}), "holds no access_token"),
    (
        lambda: Response(200, headers={"Content-Encoding": "gzip"}, stream=ByteStream(b"no")),
        "the token endpoint does not answer",
    ),
]


@pytest.mark.parametrize(("make", "reason"), FAILURES, ids=[f[1][:40] for f in FAILURES])
def test_a_failing_endpoint_is_tried_again_later_and_blocks_nobody(
    send, optoro, token_endpoint, make, reason
):
    token_endpoint.make = make
    answer = send()
    assert answer.verdict == Verdict.RETRY
    assert reason in answer.reason
    assert tokens_used(optoro) == []
    assert AccessToken.objects.get().minting_until is None
    token_endpoint.make = None
    began = time.monotonic()
    assert send().verdict == Verdict.ACCEPTED
    assert time.monotonic() - began < 5


def test_a_crash_while_minting_releases_the_claim(send, token_endpoint):
    def crash():
        raise SystemExit

    token_endpoint.make = crash
    with pytest.raises(SystemExit):
        send()
    assert AccessToken.objects.get().minting_until is None
    token_endpoint.make = None
    assert send().verdict == Verdict.ACCEPTED


def test_its_answer_is_shown_without_secrets(send, token_endpoint):
    token_endpoint.make = lambda: Response(
        400, json={"error": "bad", "client_secret": "optoro-secret"}
    )
    assert "[hidden]" in send().reason
    assert "optoro-secret" not in send().reason


def test_a_token_that_is_good_is_used_while_it_cannot_be_renewed(
    frozen, send, optoro, token_endpoint
):
    send()
    frozen.shift(89_500)
    token_endpoint.make = silent
    assert send().verdict == Verdict.ACCEPTED
    assert tokens_used(optoro) == ["bearer token-1"] * 2
    assert token_endpoint.calls == 2
    frozen.shift(500)
    assert send().verdict == Verdict.RETRY
    assert len(tokens_used(optoro)) == 2


# --- Others that mint --------------------------------------------------------------------------


def minting_elsewhere(**values):
    AccessToken.objects.update(minting_until=START + timedelta(seconds=30), **values)


def test_while_another_mints_the_old_token_is_used_as_long_as_it_is_good(frozen, send, optoro):
    send()
    minting_elsewhere(renew_at=START)
    assert send().verdict == Verdict.ACCEPTED
    assert optoro.tokens_minted == 1


def test_a_minting_that_does_not_end_is_waited_for_and_then_given_up(
    frozen, send, optoro, monkeypatch
):
    send()
    minting_elsewhere(renew_at=START, expires_at=START)
    monkeypatch.setattr(token, "WAIT_SECONDS", -1.0)
    answer = send()
    assert answer.verdict == Verdict.RETRY
    assert "another process is minting" in answer.reason
    frozen.shift(30.001)
    assert send().verdict == Verdict.ACCEPTED
    assert optoro.tokens_minted == 2


def test_each_store_has_its_own(send, optoro, store):
    send()
    other = Store.objects.create(
        identifier="two",
        name="Two",
        optoro_auth_url="http://auth.optoro.test",
        optoro_orders_url="http://orders.optoro.test",
        optoro_client_id="two",
        optoro_client_secret="optoro-secret",
    )
    OptoroClient(connection_of(other)).send_order(BODY)
    assert tokens_used(optoro) == ["bearer token-1", "bearer token-2"]


# --- Where it can be seen ----------------------------------------------------------------------


def test_it_is_in_clear_neither_in_the_database_nor_in_the_logs(send, optoro, caplog):
    caplog.set_level(logging.DEBUG)
    send()
    optoro.valid_tokens.clear()
    send()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM optoro_accesstoken")
        rows = repr(cursor.fetchall())
    assert AccessToken.objects.get().token == "token-2"
    for secret in ("token-1", "token-2", "optoro-secret"):
        assert secret not in rows
        assert secret not in caplog.text


def test_one_that_no_key_can_read_any_more_is_minted_anew(send, optoro, settings):
    send()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert send().verdict == Verdict.ACCEPTED
    assert tokens_used(optoro) == ["bearer token-1", "bearer token-2"]
    assert AccessToken.objects.get().token == "token-2"


# --- Many at once ------------------------------------------------------------------------------


@pytest.fixture
def slow_endpoint(token_endpoint, optoro, monkeypatch):
    real = optoro._mint

    def mint(asked):
        time.sleep(0.3)
        return real(asked)

    monkeypatch.setattr(optoro, "_mint", mint)
    return token_endpoint


def test_many_threads_at_once_mint_one_token(shared_database, send, optoro, slow_endpoint):
    verdicts = in_parallel(10, lambda _: send().verdict)
    assert verdicts == [Verdict.ACCEPTED] * 10
    assert slow_endpoint.calls == 1
    assert tokens_used(optoro) == ["bearer token-1"] * 10


def test_many_threads_whose_token_is_refused_mint_one_new_one(
    shared_database, send, optoro, slow_endpoint
):
    send()
    optoro.valid_tokens.clear()
    verdicts = in_parallel(10, lambda _: send().verdict)
    assert verdicts == [Verdict.ACCEPTED] * 10
    assert slow_endpoint.calls == 2
    assert AccessToken.objects.get().generation == 2
