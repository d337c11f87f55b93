"""Which account a gateway pays from: told without secrets, and kept to."""

import re

import pytest

from apps.payments import rules
from apps.payments.gateways import gateway_named
from apps.payments.http_gateway import HttpGateway
from apps.payments.stripe_gateway import StripeGateway
from tests.payments.conftest import ADDRESSES, RIGHT, SIGNED, Service, payout

pytestmark = pytest.mark.django_db

BOTH_ADDRESSES = "https://pay.test/r https://pay.test/r/{key}"


def name_of(gateway, store):
    return gateway_named(gateway, store_id=store.pk).account


@pytest.mark.parametrize(
    ("gateway", "given", "secrets", "name"),
    [
        ("simulated", {"script": ["ok"]}, {}, ""),
        ("manual", {}, {}, ""),
        ("http", ADDRESSES, SIGNED, BOTH_ADDRESSES),
        ("http", ADDRESSES | {"timeout_seconds": 5}, {"signing_secret": "2"}, BOTH_ADDRESSES),
        ("stripe", {}, {"api_key": "sk_live_1"}, "https://api.stripe.com (live)"),
        ("stripe", {}, {"api_key": "rk_live_2"}, "https://api.stripe.com (live)"),
        ("stripe", {}, {"api_key": "sk_test_1"}, "https://api.stripe.com (test)"),
        ("stripe", {}, {"api_key": "rk_test_2"}, "https://api.stripe.com (test)"),
        ("stripe", {}, {"api_key": "k"}, "https://api.stripe.com (neither live nor test)"),
        (
            "stripe",
            {"account": "acct_1", "api_base": "https://api.stripe.com/"},
            {"api_key": "sk_live_1"},
            "acct_1 at https://api.stripe.com (live)",
        ),
        (
            "stripe",
            {"api_base": "https://s.test"},
            {"api_key": "sk_live_1"},
            "https://s.test (live)",
        ),
    ],
)
def test_which_account_it_is(account, store, gateway, given, secrets, name):
    account(gateway, given, **secrets)
    assert name_of(gateway, store) == name


@pytest.mark.parametrize(
    ("gateway", "given", "host"),
    [
        ("http", ADDRESSES | {"url": "https://pay.test/" + "r" * 300}, "pay.test"),
        ("http", ADDRESSES | {"url": "https://pay.test/r?token=tell-nobody"}, "pay.test"),
        ("http", ADDRESSES | {"status_url": "https://b.test/{key}?t=tell-nobody"}, "pay.test"),
        ("http", ADDRESSES | {"url": f"https://{'p' * 400}.test/r"}, "p" * 100),
        ("stripe", {"account": "acct_" + "1" * 300}, "api.stripe.com"),
        ("stripe", {"api_base": "https://s.test/?token=tell-nobody"}, "s.test"),
    ],
)
def test_an_account_with_long_addresses_or_a_query_is_a_host_and_a_digest(
    account, store, gateway, given, host
):
    secrets = SIGNED if gateway == "http" else {"api_key": "sk_live_1"}
    row = account(gateway, given, **secrets)
    name = name_of(gateway, store)
    assert re.fullmatch(f"{re.escape(host)} [0-9a-f]{{64}}", name)
    assert len(name) <= rules.LONGEST_ACCOUNT_NAME == 255
    assert name_of(gateway, store) == name
    changed = "status_url" if gateway == "http" else "account"
    row.settings |= {
        changed: given.get(changed, "acct_") + "9"
        if gateway == "stripe"
        else ("https://elsewhere.test/{key}?t=1")
    }
    row.save()
    assert name_of(gateway, store) not in (name, "")


@pytest.mark.parametrize("gateway", ["http", "stripe"])
def test_an_account_that_cannot_be_used_has_no_name(account, store, gateway):
    assert name_of(gateway, store) == ""
    account(gateway, {"nonsense": 1})
    assert name_of(gateway, store) == ""


@pytest.mark.parametrize("first_look", ["account", "find"])
def test_it_pays_from_the_account_that_it_told_of_even_if_that_is_edited_meanwhile(
    account, store, first_look
):
    row = account("http", ADDRESSES, **SIGNED)
    service = Service({"status": "pending"})
    gateway = HttpGateway(store.pk, transport=service.transport)
    look = getattr(gateway, first_look)
    assert look == BOTH_ADDRESSES if first_look == "account" else look(payout())
    row.settings = {"url": "https://b.test/r", "status_url": "https://b.test/r/{key}"}
    row.save()
    gateway.refund(payout())
    gateway.find(payout())
    assert {request.url.host for request in service.asked} == {"pay.test"}
    assert gateway.account == BOTH_ADDRESSES
    later = HttpGateway(store.pk, transport=service.transport)
    assert later.account == "https://b.test/r https://b.test/r/{key}"
    later.refund(payout())
    assert service.asked[-1].url.host == "b.test"


@pytest.mark.parametrize(("name", "make"), [("http", HttpGateway), ("stripe", StripeGateway)])
def test_what_told_of_no_account_sends_nothing_even_if_one_is_added_meanwhile(
    account, store, name, make
):
    service = Service(RuntimeError("called"))
    gateway = make(store.pk, transport=service.transport)
    assert gateway.account == ""
    account(name, *RIGHT[name][:1], **RIGHT[name][1])
    assert gateway.refund(payout()).was_sent is False
    assert service.asked == []
    assert make(store.pk, transport=service.transport).refund(payout()).was_sent is True
    assert len(service.asked) == 1
