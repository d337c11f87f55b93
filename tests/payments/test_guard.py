"""No gateway is ever called while a transaction is open."""

import pytest
from django.db import transaction

from apps.common.http import OpenTransaction
from apps.payments import stripe_gateway
from apps.payments.gateways import gateway_named
from apps.payments.http_gateway import HttpGateway
from apps.payments.models import SimulatedCall
from apps.payments.stripe_gateway import StripeGateway
from tests.payments.conftest import KEY, Service, payout

pytestmark = pytest.mark.django_db
METHODS = ["refund", "find"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["simulated", "manual", "http", "stripe"])
def test_a_call_inside_a_transaction_is_refused(store, name, method):
    call = getattr(gateway_named(name, store_id=store.pk), method)
    call(payout())
    before = SimulatedCall.objects.count()
    with transaction.atomic(), pytest.raises(OpenTransaction, match="the payment gateway"):
        call(payout())
    assert SimulatedCall.objects.count() == before == (1 if name == "simulated" else 0)


@pytest.fixture
def unguarded(monkeypatch):
    """The gateways' own first look is blind: what is left is the guard of the HTTP client."""
    for module in ("stripe_gateway", "http_gateway"):
        monkeypatch.setattr(f"apps.payments.{module}.refuse_open_transaction", lambda what: None)


@pytest.mark.parametrize("method", METHODS)
def test_what_stripes_library_sends_is_guarded_too(account, store, unguarded, method):
    account("stripe", {}, api_key="sk_test_1")
    service = Service({"object": "list", "data": [], "has_more": False})
    gateway = StripeGateway(store.pk, transport=service.transport)
    assert gateway.find(payout()) is None
    with transaction.atomic(), pytest.raises(OpenTransaction, match=r"GET api\.stripe\.com"):
        getattr(gateway, method)(payout())
    client = stripe_gateway._GuardedClient(service.transport)
    with transaction.atomic(), pytest.raises(OpenTransaction, match=r"POST api\.stripe\.com"):
        client.request("post", "https://api.stripe.com/v1/refunds", {}, "amount=1")
    assert len(service.asked) == 1


@pytest.mark.parametrize(("method", "verb"), [("refund", "POST"), ("find", "GET")])
def test_what_goes_over_http_is_guarded_too(account, store, unguarded, method, verb):
    addresses = {"url": "https://pay.test/r", "status_url": "https://pay.test/r/{key}"}
    account("http", addresses, signing_secret="s")
    service = Service({"status": "paid", "key": KEY})
    gateway = HttpGateway(store.pk, transport=service.transport)
    assert getattr(gateway, method)(payout()).outcome == "paid"
    with transaction.atomic(), pytest.raises(OpenTransaction, match=rf"{verb} pay\.test"):
        getattr(gateway, method)(payout())
    assert len(service.asked) == 1
