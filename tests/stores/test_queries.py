"""Stores: whose settings are in force, and whose credentials a caller presents."""

import pytest
from django.db import IntegrityError, transaction

from apps.stores import queries
from apps.stores.models import Store
from apps.stores.queries import (
    connection_of,
    default_store,
    store_meant,
    stores_served_like,
    stores_with_credentials,
)
from apps.stores.types import WebhookCredentials

pytestmark = pytest.mark.django_db

ENVIRONMENT = WebhookCredentials(username="optoro", password="webhook-secret")


def other_store(**values):
    return Store.objects.create(identifier="store-two", name="Two", **values)


def test_the_default_store_is_made_from_the_environment_once():
    first, second = default_store(), default_store()
    assert first == second
    assert (first.identifier, first.name, first.is_default) == ("store-one", "Store One", True)
    assert Store.objects.count() == 1


def test_a_store_of_the_default_ones_name_becomes_the_default():
    named = Store.objects.create(identifier="store-one", name="Made by hand")
    assert default_store() == named
    assert Store.objects.get().is_default


def test_there_is_one_default_store_only(store):
    with pytest.raises(IntegrityError), transaction.atomic():
        other_store(is_default=True)
    assert Store.objects.get() == store


def test_the_environment_fills_what_the_default_stores_row_leaves_empty(store):
    connection = connection_of(store)
    assert connection.identifier == "store-one"
    assert connection.store_id == store.pk
    assert connection.optoro_auth_url == "http://auth.optoro.test"
    assert connection.optoro_client_secret == "optoro-secret"
    assert (connection.payment_gateway, connection.refund_trigger) == ("simulated", "default")


def test_the_database_wins_over_the_environment(store):
    store.optoro_auth_url = "https://auth.example"
    store.optoro_client_secret = "own-secret"
    store.refund_trigger = "manual"
    store.save()
    connection = connection_of(Store.objects.get())
    assert connection.optoro_auth_url == "https://auth.example"
    assert connection.optoro_client_secret == "own-secret"
    assert connection.refund_trigger == "manual"
    assert connection.optoro_orders_url == "http://orders.optoro.test"


def test_another_store_inherits_behaviour_but_no_address_and_no_credential(store, settings):
    settings.DEFAULT_STORE = {
        **settings.DEFAULT_STORE,
        "optoro_asn_url": "http://asn.optoro.test",
        "optoro_rtv_url": "http://rtv.optoro.test",
        "refund_trigger": "receipt",
    }
    assert connection_of(store).optoro_rtv_url == "http://rtv.optoro.test"
    connection = connection_of(other_store())
    assert [
        connection.optoro_auth_url,
        connection.optoro_orders_url,
        connection.optoro_asn_url,
        connection.optoro_rtv_url,
        connection.optoro_client_id,
        connection.optoro_client_secret,
    ] == [""] * 6
    assert (connection.payment_gateway, connection.refund_trigger) == ("simulated", "receipt")


def test_secrets_are_not_in_any_repr(store):
    connection = connection_of(store)
    assert connection.optoro_client_secret == "optoro-secret"
    assert "optoro-secret" not in repr(connection)
    assert "optoro-client" in repr(connection)
    credentials = WebhookCredentials("optoro", "webhook-secret", "webhook-key")
    assert repr(credentials) == "WebhookCredentials(username='optoro')"


@pytest.mark.parametrize(
    "presented",
    [
        WebhookCredentials(username="optoro", password="webhook-secret"),
        WebhookCredentials(api_key="webhook-key"),
        WebhookCredentials(username="optoro", password="wrong", api_key="webhook-key"),
    ],
)
def test_either_kind_of_credentials_serves(store, presented):
    assert stores_with_credentials(presented) == [store]


@pytest.mark.parametrize(
    "presented",
    [
        WebhookCredentials(),
        WebhookCredentials(username="optoro"),
        WebhookCredentials(password="webhook-secret"),
        WebhookCredentials(username="optoro", password="webhook-secret "),
        WebhookCredentials(username="Optoro", password="webhook-secret"),
        WebhookCredentials(username="optoro", password="webhook-key"),
        WebhookCredentials(api_key="webhook-secret"),
        WebhookCredentials(username="webhook-key"),
    ],
)
def test_wrong_credentials_serve_no_store(store, presented):
    assert stores_with_credentials(ENVIRONMENT) == [store]
    assert stores_with_credentials(presented) == []


def test_a_store_without_credentials_is_served_by_nobody(store, settings):
    other = other_store()
    empty = {"webhook_username": "", "webhook_password": "", "webhook_api_key": ""}
    settings.DEFAULT_STORE = {**settings.DEFAULT_STORE, **empty}
    assert stores_with_credentials(WebhookCredentials()) == []
    other.webhook_api_key = "two"
    other.save()
    assert stores_with_credentials(WebhookCredentials(api_key="two")) == [other]


def test_an_inactive_store_is_not_served():
    other = other_store(webhook_api_key="two")
    assert stores_with_credentials(WebhookCredentials(api_key="two")) == [other]
    Store.objects.filter(pk=other.pk).update(is_active=False)
    assert stores_with_credentials(WebhookCredentials(api_key="two")) == []


def test_every_store_is_compared_in_constant_time_whoever_matches(store, monkeypatch):
    other_store(webhook_username="two", webhook_password="two", webhook_api_key="two")
    compared = []
    compare = queries.hmac.compare_digest

    def noting(presented, expected):
        compared.append(expected)
        return compare(presented, expected)

    monkeypatch.setattr(queries.hmac, "compare_digest", noting)
    assert stores_with_credentials(WebhookCredentials("x", "y", "z")) == []
    everything = [b"optoro", b"webhook-secret", b"webhook-key", b"two", b"two", b"two"]
    assert sorted(compared) == sorted(everything)
    compared.clear()
    assert stores_with_credentials(ENVIRONMENT) == [store]
    assert {b"optoro", b"webhook-secret", b"two"} <= set(compared)


def test_credentials_may_be_any_text():
    other = other_store(webhook_username="ü", webhook_password="pä:ss€", webhook_api_key="ключ")
    assert stores_with_credentials(WebhookCredentials("ü", "pä:ss€")) == [other]
    assert stores_with_credentials(WebhookCredentials(api_key="ключ")) == [other]


def test_who_may_deliver_for_one_store_may_deliver_for_those_of_the_same_credentials(store):
    twin = Store.objects.create(
        identifier="twin", name="Twin", webhook_username="optoro", webhook_password="webhook-secret"
    )
    stranger = other_store(webhook_api_key="two")
    assert set(stores_served_like(store)) == {store, twin}
    assert stores_served_like(stranger) == [stranger]


def test_the_tenant_picks_among_the_stores_served(store):
    other, third = (
        Store.objects.create(identifier=name, name=name) for name in ("store-two", "store-three")
    )
    served = [other, store, third]
    assert store_meant(served, "store-two") == other
    assert store_meant(served, "STORE-TWO") is None
    assert store_meant(served, "") == store
    assert store_meant([other, third], "") is None
    assert store_meant([other], "") == other
    assert store_meant([other], "store-one") is None
    assert store_meant([], "") is None
