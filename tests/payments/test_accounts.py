"""Payment accounts: what they must hold, who says so when they do not, and that their secrets stay
inside."""

import json
import logging

import pytest
from cryptography.fernet import Fernet
from django.contrib import admin
from django.core.checks import run_checks
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.payments import checks, rules
from apps.payments.admin import PaymentAccountForm
from apps.payments.gateways import gateway_named
from apps.payments.models import PaymentAccount
from apps.payments.queries import Account, account_of
from apps.payments.rules import account_problems
from apps.stores.models import Store
from tests.payments.conftest import ADDRESSES, SIGNED, payout
from tests.support.people import sign_in

pytestmark = pytest.mark.django_db

URL_EXAMPLE = "write one such as https://pay.example.com/refunds"


def problems(gateway, settings=None, allow_http=False, **secrets):
    found = account_problems(
        gateway=gateway, settings=settings or {}, secrets=secrets, allow_http=allow_http
    )
    return [(problem.field, problem.message) for problem in found]


@pytest.mark.parametrize(
    ("gateway", "given", "secrets"),
    [
        ("simulated", {}, {}),
        ("simulated", {"script": ["ok", "slow"], "scripts": {"A": ["pending"]}}, {}),
        ("simulated", {"slow_seconds": 30, "pending_becomes": "declined"}, {}),
        ("manual", {}, {}),
        ("http", ADDRESSES, SIGNED),
        ("http", ADDRESSES | {"timeout_seconds": 1.5}, SIGNED | {"bearer_token": "abc"}),
        ("http", ADDRESSES | {"url": "https://pay.test:8443/r?a=b"}, SIGNED),
        ("stripe", {}, {"api_key": "sk_live_1"}),
        ("stripe", {"account": "acct_1", "api_base": "https://s.test"}, {"api_key": "rk_1"}),
    ],
)
def test_what_is_right(gateway, given, secrets):
    assert problems(gateway, given, **secrets) == []


@pytest.mark.parametrize(
    ("gateway", "given", "secrets", "field", "message"),
    [
        (
            "paypall",
            {},
            {},
            "gateway",
            "'paypall' is unknown; there are: http, manual, simulated, stripe",
        ),
        (
            "manual",
            {"url": "x"},
            {},
            "settings.url",
            "url is not one of this gateway's settings; there are: none",
        ),
        (
            "http",
            ADDRESSES | {"ur": "x"},
            SIGNED,
            "settings.ur",
            "ur is not one of this gateway's settings; there are: url, status_url, timeout_seconds",
        ),
        (
            "http",
            ADDRESSES | {"bearer_token": "tell-nobody-2"},
            SIGNED,
            "settings.bearer_token",
            "bearer_token is a secret: it belongs to the secrets, not here",
        ),
        (
            "http",
            {"url": "https://pay.test"},
            SIGNED,
            "settings.status_url",
            "status_url is missing",
        ),
        ("http", ADDRESSES | {"url": ""}, SIGNED, "settings.url", "url is missing"),
        (
            "http",
            ADDRESSES | {"url": "http://pay.test/r"},
            SIGNED,
            "settings.url",
            "url: is not encrypted; write https:// (http:// is for DEBUG=1 only)",
        ),
        (
            "http",
            ADDRESSES | {"url": "ftp://pay.test"},
            SIGNED,
            "settings.url",
            f"url: is no address; {URL_EXAMPLE}",
        ),
        (
            "http",
            ADDRESSES | {"url": "https://"},
            SIGNED,
            "settings.url",
            f"url: is no address; {URL_EXAMPLE}",
        ),
        (
            "http",
            ADDRESSES | {"url": "https://pay.test:port/"},
            SIGNED,
            "settings.url",
            f"url: is no address; {URL_EXAMPLE}",
        ),
        (
            "http",
            ADDRESSES | {"url": "https://me:tell-nobody-3@pay.test"},
            SIGNED,
            "settings.url",
            "url: must not hold a user or a password: credentials belong to the secrets",
        ),
        (
            "http",
            ADDRESSES | {"url": 5},
            SIGNED,
            "settings.url",
            "url: must be a text such as https://pay.example.com/refunds",
        ),
        (
            "http",
            ADDRESSES | {"status_url": "https://pay.test/"},
            SIGNED,
            "settings.status_url",
            "status_url: must hold {key}, such as https://pay.example.com/refunds/{key}",
        ),
        (
            "http",
            ADDRESSES | {"status_url": "https://{key}.test/"},
            SIGNED,
            "settings.status_url",
            "status_url: must hold {key} in its path or query, not in the host",
        ),
        (
            "http",
            ADDRESSES | {"timeout_seconds": 61},
            SIGNED,
            "settings.timeout_seconds",
            "timeout_seconds: must be a number of seconds from 1 to 60",
        ),
        (
            "http",
            ADDRESSES | {"timeout_seconds": True},
            SIGNED,
            "settings.timeout_seconds",
            "timeout_seconds: must be a number of seconds from 1 to 60",
        ),
        ("http", ADDRESSES, {}, "secrets.signing_secret", "signing_secret is missing"),
        (
            "http",
            ADDRESSES,
            SIGNED | {"api_key": "tell-nobody-2"},
            "secrets.api_key",
            "api_key is not one of this gateway's secrets; there are: signing_secret, bearer_token",
        ),
        (
            "http",
            ADDRESSES,
            SIGNED | {"bearer_token": "tell-nobody\r\nX: 1"},
            "secrets.bearer_token",
            "bearer_token: must be one word of plain letters, digits and signs",
        ),
        ("stripe", {}, {}, "secrets.api_key", "api_key is missing"),
        (
            "stripe",
            {"account": "1"},
            {"api_key": "sk_1"},
            "settings.account",
            "account: must be a connected account such as acct_1A2b3C, and no key",
        ),
        (
            "simulated",
            {"script": []},
            {},
            "settings.script",
            f"script: must be a list of one or more of: {', '.join(rules.BEHAVIOURS)}",
        ),
        (
            "simulated",
            {"scripts": {"ORD-1": ["ok", "no"]}},
            {},
            "settings.scripts",
            f"scripts: order 'ORD-1': word 2 is none of: {', '.join(rules.BEHAVIOURS)}",
        ),
        (
            "simulated",
            {"scripts": ["ok"]},
            {},
            "settings.scripts",
            'scripts: must be an object such as {"ORD-1": ["declined"]}',
        ),
        (
            "simulated",
            {"slow_seconds": 31},
            {},
            "settings.slow_seconds",
            "slow_seconds: must be a number of seconds from 0 to 30",
        ),
        (
            "simulated",
            {"pending_becomes": "unknown"},
            {},
            "settings.pending_becomes",
            "pending_becomes: must be one of: paid, declined",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(gateway, given, secrets, field, message):
    assert problems(gateway, given, **secrets) == [(field, message)]
    assert "tell-nobody" not in message


def test_plain_http_is_for_debugging():
    local = {"url": "http://127.0.0.1:9/r", "status_url": "http://127.0.0.1:9/{key}"}
    assert problems("http", local, allow_http=True, **SIGNED) == []
    assert len(problems("http", local, allow_http=False, **SIGNED)) == 2


def test_there_is_one_account_per_store_and_gateway(account, store):
    row = account("http", ADDRESSES, **SIGNED)
    with pytest.raises(IntegrityError), transaction.atomic():
        account("http", ADDRESSES, **SIGNED)
    account("stripe", {}, api_key="sk_1")
    with pytest.raises(models.ProtectedError):
        store.delete()
    assert str(row) == f"http of store {store.pk}"


def test_another_gateway_at_the_store_leaves_the_old_ones_account_in_reach(account, store):
    account("http", ADDRESSES, **SIGNED)
    Store.objects.filter(pk=store.pk).update(payment_gateway="stripe")
    assert account_of(store_id=store.pk, gateway="http").secrets == SIGNED


def test_the_column_never_holds_the_clear_text_and_no_repr_shows_it(account, store):
    row = account("http", ADDRESSES, **SIGNED)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM payments_paymentaccount")
        assert "tell-nobody" not in cursor.fetchone()[0]
    held = account_of(store_id=store.pk, gateway="http")
    assert held == Account(settings=ADDRESSES, secrets=SIGNED)
    assert "tell-nobody" not in repr(held) + repr(row) + str(row)


@pytest.mark.parametrize("name", ["http", "stripe"])
@pytest.mark.parametrize("method", ["refund", "find"])
def test_without_an_account_the_payment_waits_and_is_told_where_to_set_it(store, name, method):
    result = getattr(gateway_named(name, store_id=store.pk), method)(payout())
    assert (result.outcome, result.was_sent, result.reason) == (
        "unknown",
        False,
        f"this store has no account of the gateway {name}: add one under Payment accounts in the "
        "administration",
    )


@pytest.mark.parametrize("method", ["refund", "find"])
def test_with_settings_that_are_wrong_it_waits_too(account, store, method):
    account("http", {"url": "http://pay.test"}, **SIGNED)
    result = getattr(gateway_named("http", store_id=store.pk), method)(payout())
    assert (result.outcome, result.was_sent, result.reason) == (
        "unknown",
        False,
        "the store's account of the gateway http cannot be used: status_url is missing; url: "
        "is not encrypted; write https:// (http:// is for DEBUG=1 only) "
        "(Payment accounts in the administration)",
    )


@pytest.mark.parametrize("method", ["refund", "find"])
def test_with_secrets_that_no_key_reads_it_waits_too(account, store, settings, method, caplog):
    caplog.set_level(logging.DEBUG)
    account("stripe", {}, api_key="tell-nobody")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    result = getattr(gateway_named("stripe", store_id=store.pk), method)(payout())
    assert (result.outcome, result.was_sent) == ("unknown", False)
    assert result.reason.startswith("the stripe account's secrets cannot be read: ")
    assert "add that key to the end of the list" in result.reason
    assert "tell-nobody" not in result.reason + caplog.text


# --- The check before a start ----------------------------------------------------------------


def said():
    found = run_checks(tags=["payments"], include_deployment_checks=True)
    return sorted((message.id, message.msg) for message in found)


SIMULATED = (
    "returnsdesk.I001",
    "PAYMENT_GATEWAY is `simulated`: refunds are marked as paid and no money moves.",
)


def test_the_check_names_stores_that_cannot_pay(account, store):
    assert said() == [SIMULATED]
    Store.objects.filter(pk=store.pk).update(payment_gateway="http", gift_card_gateway="stripe")
    Store.objects.create(identifier="b", name="B", payment_gateway="paypall")
    Store.objects.create(identifier="c", name="C", payment_gateway="http", is_active=False)
    Store.objects.create(identifier="d", name="D", payment_gateway="manual")
    missing = "Store store-one: this store has no account of the gateway {}: add one under Payment "
    missing += "accounts in the administration."
    assert said() == [
        ("returnsdesk.E001", "Store b: there is no payment gateway 'paypall'."),
        ("returnsdesk.E002", missing.format("http")),
        ("returnsdesk.E002", missing.format("stripe")),
        ("returnsdesk.E003", "Store store-one: stripe cannot pay onto gift cards."),
        SIMULATED,
    ]
    account("http", ADDRESSES, **SIGNED)
    account("stripe", {"account": "?"}, api_key="sk_1")
    assert [number for number, _ in said()] == [
        "returnsdesk.E001",
        "returnsdesk.E002",
        "returnsdesk.E003",
        "returnsdesk.I001",
    ]


def test_the_check_knows_the_environments_gateway(store, settings):
    settings.DEFAULT_STORE = settings.DEFAULT_STORE | {"payment_gateway": "stripe"}
    assert [number for number, _ in said()] == ["returnsdesk.E002"]


def test_the_check_is_silent_before_the_tables_are_there(monkeypatch):
    def no_table(**options):
        raise DatabaseError("no such table: stores_store")

    monkeypatch.setattr(checks.Store.objects, "filter", no_table)
    assert checks.stores_can_pay(None) == []


# --- The administration -----------------------------------------------------------------------


@pytest.fixture
def root(db):
    """A superuser's browser."""
    browser = Client()
    sign_in(browser, User.objects.create_superuser("root", "", "pw"))
    return browser


def address(page, *args):
    return reverse(f"admin:payments_paymentaccount_{page}", args=args)


def secrets_stored():
    return json.loads(PaymentAccount.objects.get().secrets or "{}")


def test_secrets_go_in_and_never_come_out(root, store):
    given = {"store": store.pk, "gateway": "http", "settings": json.dumps(ADDRESSES), **SIGNED}
    page = root.post(address("add"), given | {"bearer_token": "tell nobody"})
    assert b"bearer_token: must be one word" in page.content
    assert b"tell-nobody" not in page.content
    assert not PaymentAccount.objects.exists()
    root.post(address("add"), given | {"bearer_token": "tell-nobody-2"})
    row = PaymentAccount.objects.get()
    assert secrets_stored() == SIGNED | {"bearer_token": "tell-nobody-2"}
    url = address("change", row.pk)
    kept = {"settings": json.dumps(ADDRESSES | {"timeout_seconds": 5})}
    pages = [
        root.get(url),
        root.get(address("changelist")),
        root.post(url, {"settings": "{"}),
        root.post(url, kept, follow=True),
        root.get(address("history", row.pk)),
    ]
    for page in pages:
        assert page.status_code == 200
        assert b"tell-nobody" not in page.content
    assert pages[0].content.count(b'type="password"') == 3
    assert pages[0].content.count(b"Stored. Leave blank to keep it.") == 2
    assert pages[0].content.count(b"Not stored.") == 1
    assert secrets_stored() == SIGNED | {"bearer_token": "tell-nobody-2"}
    row.refresh_from_db()
    assert (row.settings["timeout_seconds"], row.gateway, row.store) == (5, "http", store)


def test_a_tick_forgets_and_what_is_needed_cannot_be_forgotten(root, account):
    row = account("http", ADDRESSES, bearer_token="old", **SIGNED)
    url = address("change", row.pk)
    same = {"settings": json.dumps(ADDRESSES)}
    root.post(url, same | {"forget_bearer_token": "on", "signing_secret": "new"})
    assert secrets_stored() == {"signing_secret": "new"}
    page = root.post(url, same | {"forget_signing_secret": "on"})
    assert b"signing_secret is missing" in page.content
    assert secrets_stored() == {"signing_secret": "new"}


def test_an_account_keeps_its_store_and_gateway_and_is_never_deleted(root, account, store):
    row = account("manual", {})
    root.post(address("change", row.pk), {"gateway": "simulated", "settings": "{}"})
    row.refresh_from_db()
    assert (row.gateway, row.settings) == ("manual", {})
    assert root.post(address("delete", row.pk), {"post": "yes"}).status_code == 403
    page = root.post(address("add"), {"store": store.pk, "gateway": "manual", "settings": "{}"})
    assert b"This store has an account of this gateway already." in page.content
    assert PaymentAccount.objects.count() == 1


def test_secrets_that_no_key_reads_can_be_set_anew(root, account, settings):
    row = account("stripe", {}, api_key="old")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert root.get(address("changelist")).status_code == 200
    page = root.get(address("change", row.pk))
    assert page.content.count(b"Stored, but not readable: set it anew.") == 3
    root.post(address("change", row.pk), {"settings": "{}", "api_key": "sk_new"})
    assert secrets_stored() == {"api_key": "sk_new"}


def test_the_form_has_a_box_for_every_secret_that_some_gateway_knows():
    names = set(PaymentAccountForm.base_fields)
    assert set(rules.SECRETS) == {"signing_secret", "bearer_token", "api_key"}
    assert names >= {*rules.SECRETS, *(f"forget_{name}" for name in rules.SECRETS)}
    assert admin.site.is_registered(PaymentAccount)
