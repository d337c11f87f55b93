"""Stripe through its own library: keys that hold for ever, and no word taken for another."""

import logging
from urllib.parse import parse_qs

import pytest
import stripe

from apps.common.http import Response, TimeoutException
from apps.payments.stripe_gateway import StripeGateway
from apps.payments.types import GatewayOutcome, GatewayResult
from tests.payments.conftest import KEY, Service, payout

pytestmark = pytest.mark.django_db

API_KEY = "sk_test_tell_nobody"
UNKNOWN = GatewayOutcome.UNKNOWN
PAID = GatewayResult(GatewayOutcome.PAID, "re_1", "", 1234)


def refund(**changes):
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 1234,
        "currency": "usd",
        "status": "succeeded",
        "metadata": {"desk_key": KEY},
    } | changes


def page(*refunds, more=False):
    return {"object": "list", "data": list(refunds), "has_more": more, "url": "/v1/refunds"}


def failure(status, kind="invalid_request_error", message="No.", **more):
    return Response(status, json={"error": {"type": kind, "message": message, **more}})


@pytest.fixture
def reach(account, store):
    """Makes the gateway of an account, in front of a Stripe with these answers."""
    account("stripe", {}, api_key=API_KEY)

    def make(*given_answers):
        service = Service(*given_answers)
        return StripeGateway(store.pk, transport=service.transport), service

    return make


@pytest.mark.parametrize(
    ("identifier", "parameter"), [("pi_123", "payment_intent"), ("ch_123", "charge")]
)
def test_what_is_sent(reach, identifier, parameter):
    gateway, service = reach(page(), refund())
    assert gateway.refund(payout(transaction_identifier=identifier)) == PAID
    looked, paid = service.asked
    assert (looked.method, looked.url.path) == ("GET", "/v1/refunds")
    assert dict(looked.url.params) == {"limit": "100", parameter: identifier}
    assert (paid.method, str(paid.url)) == ("POST", "https://api.stripe.com/v1/refunds")
    assert parse_qs(paid.content.decode()) == {
        "amount": ["1234"],
        "metadata[desk_key]": [KEY],
        "metadata[refund_identifier]": ["RD-1"],
        "metadata[order_identifier]": ["ORD-1"],
        parameter: [identifier],
    }
    assert paid.headers["Idempotency-Key"] == KEY
    assert paid.headers["Authorization"] == f"Bearer {API_KEY}"
    assert paid.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Stripe-Account" not in paid.headers
    assert stripe.api_key is None
    assert "telemetry_id" not in paid.headers["X-Stripe-Client-User-Agent"]


def test_the_account_may_name_another_address_and_a_connected_account(account, store):
    account("stripe", {"api_base": "https://stripe.test/", "account": "acct_1"}, api_key=API_KEY)
    service = Service(page(), refund())
    assert StripeGateway(store.pk, transport=service.transport).refund(payout()) == PAID
    assert str(service.asked[1].url) == "https://stripe.test/v1/refunds"
    assert [request.headers["Stripe-Account"] for request in service.asked] == ["acct_1"] * 2


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("succeeded", PAID),
        ("pending", GatewayResult(GatewayOutcome.PENDING, "re_1", "pending")),
        ("requires_action", GatewayResult(GatewayOutcome.PENDING, "re_1", "requires_action")),
        ("failed", GatewayResult(GatewayOutcome.DECLINED, "re_1", "failed")),
        ("canceled", GatewayResult(GatewayOutcome.DECLINED, "re_1", "canceled")),
    ],
)
def test_the_states_of_a_refund(reach, status, result):
    gateway, _ = reach(page(), refund(status=status))
    assert gateway.refund(payout()) == result
    gateway, service = reach(page(refund(status=status)))
    assert gateway.find(payout()) == result
    assert gateway.refund(payout()) == result
    assert [request.method for request in service.asked] == ["GET", "GET"]


def test_why_a_refund_failed_is_told(reach):
    gateway, _ = reach(page(refund(status="failed", failure_reason="expired_or_canceled_card")))
    assert gateway.find(payout()).reason == "expired_or_canceled_card"


OTHER = "the gateway has 999 cents under this key, the desk 1234 cents (USD); nothing is paid "


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        (
            {"amount": 999},
            GatewayResult(UNKNOWN, "re_1", OTHER + "until a person has compared them"),
        ),
        (
            {"currency": "eur"},
            GatewayResult(UNKNOWN, "re_1", "Stripe refunds in EUR, the desk in USD"),
        ),
        (
            {"status": "strange"},
            GatewayResult(UNKNOWN, "", "Stripe's answer is no refund that the desk can read"),
        ),
        (
            {"amount": "1234"},
            GatewayResult(UNKNOWN, "", "Stripe's answer is no refund that the desk can read"),
        ),
        (
            {"id": None},
            GatewayResult(UNKNOWN, "", "Stripe's answer is no refund that the desk can read"),
        ),
    ],
)
def test_a_refund_that_is_not_ours_to_the_cent_is_unknown(reach, changes, result):
    gateway, _ = reach(page(), refund(**changes))
    assert gateway.refund(payout()) == result
    gateway, _ = reach(page(refund(**changes)))
    assert gateway.find(payout()) == result


def test_an_answer_with_another_key_is_unknown(reach):
    gateway, _ = reach(page(), refund(metadata={"desk_key": "other"}))
    assert gateway.refund(payout()) == GatewayResult(
        UNKNOWN, "re_1", "Stripe's refund carries another key"
    )


def test_a_key_that_stripe_forgot_is_found_among_all_refunds_of_the_payment(reach):
    first = page(refund(id="re_9", metadata={}), refund(id="re_8", metadata=None), more=True)
    gateway, service = reach(first, page(refund()), first, page(refund()))
    assert gateway.find(payout()) == PAID
    assert gateway.refund(payout()) == PAID
    assert [request.method for request in service.asked] == ["GET"] * 4
    assert service.asked[1].url.params["starting_after"] == "re_8"


def test_none_only_where_the_list_was_read_to_its_end(reach):
    other = refund(metadata={"desk_key": "other"})
    gateway, service = reach(page(other, more=True), page())
    assert gateway.find(payout()) is None
    assert len(service.asked) == 2


@pytest.mark.parametrize(
    ("answers", "reason", "asked"),
    [
        ([page(more=True)], "Stripe's list of refunds cannot be read to its end", 1),
        ([page(refund(id=7), more=True)], "Stripe's list of refunds cannot be read to its end", 1),
        (
            [page(refund(metadata={}), more=True)],
            "the payment has more than 2000 refunds at Stripe",
            20,
        ),
        ([page(more=None)], "Stripe's list of refunds cannot be read to its end", 1),
        ([{"object": "list", "data": "x", "has_more": False}], None, 1),
        ([page(refund(metadata={}), more=True), TimeoutException("slow")], None, 2),
        (
            [page(refund(), refund(id="re_2"))],
            "Stripe has several refunds with this key: re_1, re_2",
            1,
        ),
    ],
)
@pytest.mark.parametrize("method", ["refund", "find"])
def test_a_list_that_tells_nothing_pays_nothing(reach, method, answers, reason, asked):
    gateway, service = reach(*answers)
    result = getattr(gateway, method)(payout())
    assert (result.outcome, result.was_sent) == (UNKNOWN, True)
    assert reason in (None, result.reason)
    assert [request.method for request in service.asked] == ["GET"] * asked


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            failure(400, message="Charge ch_1 is refunded.", code="charge_already_refunded"),
            "Charge ch_1 is refunded.",
        ),
        (failure(400, message="Amount is too large."), "Amount is too large."),
        (failure(402, "card_error", "Card is closed."), "Card is closed."),
        (failure(400, message=f"Odd {API_KEY}"), "Odd [hidden]"),
    ],
)
def test_a_refusal_that_made_nothing_is_declined(reach, answer, reason):
    gateway, _ = reach(page(), answer)
    assert gateway.refund(payout()) == GatewayResult(GatewayOutcome.DECLINED, "", reason)
    gateway, _ = reach(answer)
    assert gateway.find(payout()).outcome == UNKNOWN


KEY_REFUSED = "Stripe refuses the API key: check the payment account in the administration"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (failure(401, message=f"Invalid API Key: {API_KEY}"), KEY_REFUSED),
        (
            failure(403, message="No rights"),
            "Stripe does not let this API key refund: check its rights at Stripe",
        ),
        (failure(429, message="Slowly."), "Stripe answered 429: Slowly."),
        (failure(400, code="rate_limit", message="Slowly."), "Stripe answered 400: Slowly."),
        (
            failure(400, "idempotency_error", "Other parameters."),
            "Stripe answered 400: Other parameters.",
        ),
        (
            failure(400, code="resource_missing", message="No such payment_intent: 'pi_123'"),
            "Stripe answered 400: No such payment_intent: 'pi_123'",
        ),
        (failure(404, message="No such thing"), "Stripe answered 404: No such thing"),
        (failure(400, "api_error", "Oops"), "Stripe answered 400: Oops"),
        (failure(402, "invalid_request_error", "Oops"), "Stripe answered 402: Oops"),
        (failure(409, message="In use"), "Stripe answered 409 with nothing the desk can use"),
        (failure(500, "api_error"), "Stripe answered 500 with nothing the desk can use"),
        (Response(302, json={}), "Stripe answered 302 with nothing the desk can use"),
        (Response(200, text="garbage"), "Stripe answered 200 with nothing the desk can use"),
        (Response(502, text="garbage"), "Stripe answered 502 with nothing the desk can use"),
        (TimeoutException("slow"), "Stripe does not answer (TimeoutException)"),
        (Response(200, content=b"x" * (4 * 1024 * 1024 + 1)), "the answer is larger than 4194304"),
        (Response(400, json={"error": 5}), "Stripe's answer cannot be used (AttributeError)"),
        (RuntimeError(API_KEY), "Stripe's answer cannot be used (RuntimeError)"),
    ],
)
def test_everything_else_is_unknown_and_is_not_tried_again_by_itself(reach, answer, reason):
    gateway, service = reach(page(), answer)
    result = gateway.refund(payout())
    assert (result.outcome, result.was_sent) == (UNKNOWN, True)
    assert result.reason.startswith(reason)
    assert [request.method for request in service.asked] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"transaction_identifier": ""}, "not a Stripe payment"),
        ({"transaction_identifier": "TX-1"}, "not a Stripe payment"),
        ({"destination": "gift_card"}, "Stripe pays nothing to gift_card"),
        ({"currency": "ISK"}, "Stripe counts ISK in other units than the desk"),
    ],
)
@pytest.mark.parametrize("method", ["refund", "find"])
def test_what_stripe_cannot_pay_is_never_sent(reach, method, changes, reason):
    gateway, service = reach(page(), refund())
    result = getattr(gateway, method)(payout(**changes))
    assert (result.outcome, result.was_sent) == (UNKNOWN, False)
    assert result.reason.startswith(reason)
    assert service.asked == []
    assert getattr(gateway, method)(payout()) is not None or method == "find"
    assert len(service.asked) > 0


def test_yen_have_no_decimals_on_either_side(reach):
    gateway, _ = reach(page(), refund(currency="jpy"))
    assert gateway.refund(payout(currency="JPY")) == PAID


def test_no_secret_comes_back(reach, caplog):
    caplog.set_level(logging.DEBUG)
    gateway, _ = reach(page(), failure(401, message=API_KEY), TimeoutException(API_KEY))
    shown = repr([gateway.refund(payout()), gateway.refund(payout())]) + repr(vars(gateway))
    assert API_KEY not in shown + caplog.text
