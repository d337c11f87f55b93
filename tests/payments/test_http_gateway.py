"""The retailer's own payment service: what is sent, and what is believed of what comes back."""

import hashlib
import hmac
import json
import logging
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from apps.common.http import Response, TimeoutException, TransportError
from apps.payments import answers, http_gateway
from apps.payments.http_gateway import HttpGateway
from apps.payments.types import GatewayOutcome, GatewayResult
from tests.payments.conftest import KEY, Service, payout

pytestmark = pytest.mark.django_db

SETTINGS = {
    "url": "https://pay.test/refunds?shop=1",
    "status_url": "https://pay.test/refunds/{key}?shop=1",
}
SIGNING, BEARER = "sign-with-this-secret", "bear-this-token"
PAID = {"status": "paid", "reference": "P-1", "amount_cents": 1234, "key": KEY}
UNKNOWN = GatewayOutcome.UNKNOWN


@pytest.fixture
def reach(account, store):
    """Makes the gateway of an account, in front of a service with these answers."""
    account("http", SETTINGS, signing_secret=SIGNING, bearer_token=BEARER)

    def make(*given_answers):
        service = Service(*given_answers)
        return HttpGateway(store.pk, transport=service.transport), service

    return make


@pytest.fixture
def at_noon(monkeypatch):
    """The clock stands still; returns Unix seconds."""
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    monkeypatch.setattr("apps.common.clock.now", lambda: noon)
    return int(noon.timestamp())


def signed(moment, content):
    digest = hmac.new(SIGNING.encode(), f"{moment}.".encode() + content, hashlib.sha256)
    return f"t={moment},v1={digest.hexdigest()}"


def test_what_is_sent_to_pay(reach, at_noon):
    gateway, service = reach(PAID)
    assert gateway.refund(payout()) == GatewayResult(GatewayOutcome.PAID, "P-1", "", 1234)
    (request,) = service.asked
    assert (request.method, str(request.url)) == ("POST", SETTINGS["url"])
    assert json.loads(request.content) == {
        "key": KEY,
        "amount_cents": 1234,
        "currency": "USD",
        "destination": "original_payment",
        "recipient_email": "",
        "order_identifier": "ORD-1",
        "refund_identifier": "RD-1",
        "transaction_identifier": "pi_123",
        "tender": "card",
    }
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == KEY
    assert request.headers["Authorization"] == f"Bearer {BEARER}"
    assert request.headers["X-Returns-Desk-Signature"] == signed(at_noon, request.content)


def test_what_is_sent_to_ask(reach, at_noon):
    gateway, service = reach(PAID | {"key": "a/b c?"})
    assert gateway.find(payout(key="a/b c?")).outcome == GatewayOutcome.PAID
    (request,) = service.asked
    path = b"/refunds/a%2Fb%20c%3F?shop=1"
    assert (request.method, request.url.raw_path, request.content) == ("GET", path, b"")
    assert request.headers["Authorization"] == f"Bearer {BEARER}"
    assert request.headers["X-Returns-Desk-Signature"] == signed(at_noon, b"GET " + path)


def test_without_a_token_there_is_no_authorization(account, store):
    account("http", SETTINGS, signing_secret=SIGNING)
    service = Service(PAID)
    HttpGateway(store.pk, transport=service.transport).refund(payout())
    assert "Authorization" not in service.asked[0].headers


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (PAID, GatewayResult(GatewayOutcome.PAID, "P-1", "", 1234)),
        ({"status": "paid", "key": KEY}, GatewayResult(GatewayOutcome.PAID)),
        (
            PAID | {"reference": None, "reason": None, "amount_cents": None, "x": 1},
            GatewayResult(GatewayOutcome.PAID),
        ),
        (
            {"status": "declined", "reason": "card closed", "key": KEY},
            GatewayResult(GatewayOutcome.DECLINED, "", "card closed"),
        ),
        (
            {"status": "pending", "reference": "P-1", "amount_cents": 1234},
            GatewayResult(GatewayOutcome.PENDING, "P-1"),
        ),
        (Response(201, json=PAID), GatewayResult(GatewayOutcome.PAID, "P-1", "", 1234)),
        (
            PAID | {"reference": "P\x00" + "x" * 999},
            GatewayResult(GatewayOutcome.PAID, "P\\x00" + "x" * 250, "", 1234),
        ),
    ],
)
@pytest.mark.parametrize("method", ["refund", "find"])
def test_clear_words_are_believed(reach, method, answer, result):
    gateway, _ = reach(answer)
    assert getattr(gateway, method)(payout()) == result


NOT_BELIEVED = {
    "another amount": (
        PAID | {"amount_cents": 999},
        "the gateway has 999 cents under this key, the desk 1234 cents (USD); nothing is paid "
        "until a person has compared them",
    ),
    "another amount declined": (
        {"status": "declined", "amount_cents": 0, "key": KEY},
        "the gateway has 0 cents under this key, the desk 1234 cents (USD); nothing is paid "
        "until a person has compared them",
    ),
    "another key": (PAID | {"key": "other"}, "the answer speaks of another key"),
    "declined with another key": (
        {"status": "declined", "key": "other"},
        "the answer speaks of another key",
    ),
    "declined with an empty key": (
        {"status": "declined", "key": ""},
        "the answer speaks of another key",
    ),
    "no status": ({}, "the answer's status is none of paid, declined and pending"),
    "another word": (
        {"status": "Paid"},
        "the answer's status is none of paid, declined and pending",
    ),
    "status of another type": (
        {"status": ["paid"]},
        "the answer's status is none of paid, declined and pending",
    ),
    "amount as text": (
        PAID | {"amount_cents": "1234"},
        "the answer's amount_cents is no whole number",
    ),
    "amount as fraction": (
        PAID | {"amount_cents": 1234.0},
        "the answer's amount_cents is no whole number",
    ),
    "amount as truth": (
        PAID | {"amount_cents": True},
        "the answer's amount_cents is no whole number",
    ),
    "amount beyond all": (
        PAID | {"amount_cents": 10**30},
        "the answer's amount_cents is no amount of money",
    ),
    "reference as number": (PAID | {"reference": 1}, "the answer's reference is no text"),
    "reason as list": (
        {"status": "declined", "reason": [], "key": KEY},
        "the answer's reason is no text",
    ),
    "a list": ([PAID], "the answer is no JSON object"),
    "nothing": (Response(200, content=b""), "the answer is no JSON"),
    "no JSON": (Response(200, text="<html>paid</html>"), "the answer is no JSON"),
    "no UTF-8": (Response(200, content=b'{"status": "paid\xff"}'), "the answer is no JSON"),
    "said twice": (
        Response(200, text='{"status": "declined", "status": "paid"}'),
        "the answer is no JSON",
    ),
    "NaN": (Response(200, text='{"status": "paid", "x": NaN}'), "the answer is no JSON"),
    "nested for ever": (Response(200, text="[" * 60_000), "the answer is no JSON"),
    "too large": (
        Response(200, json=PAID | {"x": "y" * 65_536}),
        "the answer is larger than 65536 bytes",
    ),
    "compressed": (
        Response(200, headers={"Content-Encoding": "gzip"}, content=None),
        "the answer is compressed, though that was not asked for",
    ),
    "no answer in time": (TimeoutException("slow"), "no answer in time"),
    "no connection": (
        TransportError(f"refused {BEARER}"),
        "the payment service cannot be reached (TransportError)",
    ),
    "a mistake of ours": (
        RuntimeError(SIGNING),
        "the payment service cannot be reached (RuntimeError)",
    ),
}


@pytest.mark.parametrize("name", NOT_BELIEVED)
@pytest.mark.parametrize("method", ["refund", "find"])
def test_nothing_else_is(reach, method, name):
    answer, reason = NOT_BELIEVED[name]
    gateway, service = reach(answer)
    result = getattr(gateway, method)(payout())
    assert (result.outcome, result.reason, result.amount_cents) == (UNKNOWN, reason, None)
    assert result.was_sent is True
    assert len(service.asked) == 1


@pytest.mark.parametrize("key", [{}, {"key": None}])
@pytest.mark.parametrize("word", ["paid", "declined"])
def test_a_status_answer_must_name_the_key(reach, word, key):
    answer = {"status": word, "reference": "P-1", "amount_cents": 1234} | key
    gateway, _ = reach(answer, answer, answer | {"key": KEY})
    assert gateway.find(payout()) == GatewayResult(
        UNKNOWN,
        "P-1",
        f"the status answer says {word} and does not say of which key: it must hold key",
    )
    assert gateway.refund(payout()).outcome == word
    assert gateway.find(payout()).outcome == word


def test_what_is_pending_need_not_name_it(reach):
    gateway, _ = reach({"status": "pending"})
    pending = GatewayResult(GatewayOutcome.PENDING)
    assert [gateway.find(payout()), gateway.refund(payout())] == [pending, pending]


@pytest.mark.parametrize(
    ("changes", "secret", "kind"),
    [
        ({name: SETTINGS[name] + "x" * 70_000 for name in SETTINGS}, SIGNING, "InvalidURL"),
        ({}, "\ud800", "UnicodeEncodeError"),
    ],
)
@pytest.mark.parametrize("method", ["refund", "find"])
def test_a_request_that_cannot_be_made_was_not_sent(account, store, method, changes, secret, kind):
    row = account("http", SETTINGS | changes, signing_secret=secret)
    service = Service(PAID)

    def ask():
        return getattr(HttpGateway(store.pk, transport=service.transport), method)(payout())

    reason = f"the payment service's account cannot be used ({kind})"
    assert ask() == GatewayResult(UNKNOWN, reason=reason, was_sent=False)
    assert service.asked == []
    row.settings, row.secrets = SETTINGS, json.dumps({"signing_secret": SIGNING})
    row.save()
    assert ask().outcome == GatewayOutcome.PAID


STATUSES = [100, 300, 302, 400, 401, 402, 403, 409, 410, 422, 429, 500, 503]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("word", ["paid", "declined", "pending"])
@pytest.mark.parametrize("method", ["refund", "find"])
def test_a_word_counts_with_success_only(reach, method, word, status):
    gateway, _ = reach(Response(status, json={"status": word}, headers={"Location": "/x"}))
    reason = f"the payment service answered {status}"
    assert getattr(gateway, method)(payout()) == GatewayResult(UNKNOWN, reason=reason)


def test_404_means_never_seen_where_it_was_asked_and_nothing_where_it_was_to_pay(reach):
    gateway, _ = reach(Response(404, json={"status": "declined"}))
    assert gateway.find(payout()) is None
    assert gateway.refund(payout()) == GatewayResult(
        UNKNOWN, reason="the payment service answered 404"
    )


def test_an_answer_that_drips_in_is_given_up(reach, monkeypatch):
    moments = iter([0.0, 5.0, 21.0])
    monkeypatch.setattr(answers.time, "monotonic", lambda: next(moments))
    gateway, _ = reach(Response(200, content=iter([b'{"status":', b' "paid"}', b" "])))
    assert gateway.refund(payout()) == GatewayResult(
        UNKNOWN, reason="the answer did not come whole within 20 seconds"
    )


def test_the_account_says_how_long_to_wait(account, store, monkeypatch):
    account("http", SETTINGS | {"timeout_seconds": 3}, signing_secret=SIGNING)
    waits = []
    make_client = http_gateway.make_client

    def noting(**options):
        waits.append(options["timeout"])
        return make_client(**options)

    monkeypatch.setattr(http_gateway, "make_client", noting)
    HttpGateway(store.pk, transport=Service(PAID).transport).refund(payout())
    assert waits == [3.0]


def test_every_retry_carries_the_same_key(reach):
    gateway, service = reach(TimeoutException("slow"), Response(502), PAID)
    outcomes = [gateway.refund(payout()).outcome for _ in range(3)]
    assert outcomes == [UNKNOWN, UNKNOWN, GatewayOutcome.PAID]
    assert [request.headers["Idempotency-Key"] for request in service.asked] == [KEY] * 3
    assert len({request.content for request in service.asked}) == 1


def is_clear(status, body):
    """Says by other means than the gateway's own whether a body is a well-formed word."""
    if not 200 <= status < 300:
        return None
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or answer.get("status") not in ("paid", "declined"):
        return None
    return answer["status"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
words = st.sampled_from(["paid", "declined", "pending", "PAID", "", None, 1, True])
near_answers = st.fixed_dictionaries(
    {},
    optional={
        "status": words | json_values,
        "amount_cents": st.sampled_from([1234, 1235, "1234", 1234.0, True, None]) | json_values,
        "key": st.sampled_from([KEY, "", "other", None]) | json_values,
        "reference": st.text(max_size=5) | json_values,
        "reason": st.text(max_size=5) | json_values,
    },
).map(lambda value: json.dumps(value).encode())


@trials(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    status=st.sampled_from([200, 200, 200, 201, 204, 299]) | st.integers(200, 599),
    body=st.binary(max_size=60) | near_answers | json_values.map(lambda v: json.dumps(v).encode()),
    method=st.sampled_from(["refund", "find"]),
)
@example(status=200, body=b'{"status": "paid"}', method="refund")
@example(status=200, body=b'{"status": "declined", "key": "other"}', method="refund")
@example(status=500, body=b'{"status": "declined"}', method="find")
def test_whatever_comes_back_money_is_paid_or_declined_by_a_clear_word_only(
    reach_quietly, status, body, method
):
    result = getattr(reach_quietly(Response(status, content=body)), method)(payout())
    if result is None:
        assert (method, status) == ("find", 404)
        return
    if result.outcome not in (GatewayOutcome.PAID, GatewayOutcome.DECLINED):
        return
    assert is_clear(status, body) == result.outcome
    answer = json.loads(body)
    assert answer.get("key") == KEY or (method, answer.get("key")) == ("refund", None)
    cents = answer.get("amount_cents")
    assert cents is None or (type(cents) is int and cents == 1234)
    assert all(isinstance(answer.get(name), str | None) for name in ("reference", "reason"))


@pytest.fixture
def reach_quietly(account, store):
    account("http", SETTINGS, signing_secret=SIGNING)

    def make(response):
        return HttpGateway(store.pk, transport=Service(response).transport)

    return make


def test_no_secret_comes_back(reach, caplog):
    caplog.set_level(logging.DEBUG)
    told = {"status": "declined", "reason": f"bad {BEARER}", "reference": f"{SIGNING}!"}
    gateway, _ = reach(told, Response(401, text=BEARER), TransportError(BEARER))
    results = [gateway.refund(payout()) for _ in range(3)]
    assert results[0] == GatewayResult(GatewayOutcome.DECLINED, "[hidden]!", "bad [hidden]")
    shown = repr(results) + repr(vars(gateway)) + caplog.text
    assert BEARER not in shown
    assert SIGNING not in shown
